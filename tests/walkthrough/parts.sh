# For scripts that build the parts of a machine, once: `prepare` here and in tests/kind. Sourced after lib.sh.
#
#   out       the folder where parts are linked (`place`)
#   cache     where they are kept: ~/.cache/pod-identity-webhook/walkthrough (XDG_CACHE_HOME is honoured)
#   scratch   a folder that is gone at the end
#   CHECK=yes builds nothing: the script ends with 3 where a part is not there yet
# shellcheck shell=bash
set -euo pipefail
# A failed command ends a function within $(…) too.
shopt -s inherit_errexit
: "${out:?}"

walkthrough=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
# shellcheck disable=SC2034 # for those who source this
repository=$(CDPATH='' cd -- "$walkthrough/../.." && pwd)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/pod-identity-webhook/walkthrough
mkdir -p "$cache"
exec 9>"$cache/lock"
flock --nonblock 9 || {
    echo "waiting for another run that holds $cache/lock" >&2
    flock --timeout 3600 9 || fail "another run has held $cache/lock for an hour: look what it does, and run this again"
}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# shellcheck disable=SC2034 # the same
case $(uname -m) in
    x86_64) architecture=amd64 ;;
    aarch64) architecture=arm64 ;;
    *) fail "no image can be built for $(uname -m) here" ;;
esac

# once NAME SOURCE FUNCTION…: runs the function with a new folder as its last argument,
# unless that was done before with the same source and function, and prints the folder.
once() {
    local name=$1 source=$2 hash built
    shift 2
    hash=$({
        declare -f aside image "$1"
        cd "$source"
        find . -type f -print0 | sort -z | xargs -0 cat
    } | sha256sum | cut -c 1-12)
    built=$cache/$name-$hash
    if [ ! -d "$built" ]; then
        [ "${CHECK-}" != yes ] || exit 3
        echo "building $name once (minutes) into $built" >&2
        # Older ones; a name may begin with another's.
        rm -rf "$cache/$name"-????????????
        rm -rf "$cache/$name-partial"
        mkdir "$cache/$name-partial"
        # Not `|| fail`: errors within the function would not count.
        # shellcheck disable=SC2064 # the name of now
        trap "echo 'building $name failed: see above' >&2" EXIT
        "$@" "$cache/$name-partial" >&2
        trap - EXIT
        mv "$cache/$name-partial" "$built"
    fi
    printf '%s\n' "$built"
}

# place NAME COMMAND…: links what the command prints as NAME in the folder.
place() {
    local target
    target=$("${@:2}")
    ln -sfn "$target" "$out/$1"
}

# go_programs MODULE PACKAGE… FOLDER: the programs of a module beside the script.
go_programs() {
    (
        cd "$here/$1"
        GOWORK=off CGO_ENABLED=0 go build -mod=readonly -trimpath -ldflags '-s -w' -o "${*: -1}/" "${@:2:$#-2}"
    )
}

# aside COMMAND…: in mounts of its own, with an /etc that forgets (buildah makes a folder there).
aside() {
    mkdir -p "$scratch/etc" "$scratch/etc.work"
    # shellcheck disable=SC2016 # $0 is the inner shell's
    unshare --mount sh -c 'mount -t overlay overlay -o "lowerdir=/etc,upperdir=$0/etc,workdir=$0/etc.work" /etc && exec "$@"' \
        "$scratch" "$@"
}

# image NAME CONTEXT ARCHIVE [OPTION…]: an image from the Dockerfile in CONTEXT, as an archive.
image() {
    local buildah
    buildah=(aside buildah --root "$scratch/storage" --runroot "$scratch/run" --storage-driver vfs)
    "${buildah[@]}" build --quiet --isolation chroot "${@:4}" --tag "$1" "$2" >/dev/null
    rm -f "$3"
    "${buildah[@]}" push --quiet "$1" "docker-archive:$3:$1"
}

# containerd, its shim and ctr.
place_containerd() {
    place node once node "$walkthrough/node" go_programs ../walkthrough/node \
        github.com/containerd/containerd/v2/cmd/{containerd,containerd-shim-runc-v2,ctr}
}

pause_image() {
    cc -static -Os -s -o "$scratch/pause" "$walkthrough/images/pause/pause.c"
    cp "$walkthrough/images/pause/Dockerfile" "$scratch/Dockerfile"
    image localhost/pause:walkthrough "$scratch" "$1/pause.tar"
}
place_pause() {
    place pause once pause "$walkthrough/images/pause" pause_image
}

# webhook_image SOURCE PROGRAM ARCHIVE: from the last stage of the Dockerfile that `make image`
# uses. Its first stage, which compiles in an image of a registry, gives way to a folder with the
# program; without one, a static program is built from the source.
webhook_image() {
    local context=$scratch/webhook
    rm -rf "$context"
    mkdir "$context"
    if [ -n "$2" ]; then
        cp "$2" "$context/webhook"
    else
        echo 'building the webhook' >&2
        (cd "$1" && scripts/static "$architecture" "$context/webhook") >&2
    fi
    image docker.io/library/pod-identity-webhook:0.1.0 "$1" "$3" \
        --build-context "build=$context" --build-arg "TARGETARCH=$architecture"
}
