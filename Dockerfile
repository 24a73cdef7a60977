# The image: one static binary and nothing else. No shell, no package, no USER: command lines of the Go webhook bind
# port 443 without a securityContext, so the manifests choose the user (65532) and not the image.

# Base images are arguments, for a mirror of your own.
ARG RUST_IMAGE=docker.io/library/rust:1.95-bookworm

FROM --platform=$BUILDPLATFORM ${RUST_IMAGE} AS build
ARG TARGETARCH
WORKDIR /source
COPY . .
RUN scripts/static "${TARGETARCH:-amd64}" /webhook

FROM scratch
ARG VERSION=0.1.0
# The commit, and where its source is: scripts/image gives them.
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="pod-identity-webhook" \
      org.opencontainers.image.description="Gives Kubernetes pods AWS IAM roles: a mutating admission webhook" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /webhook /webhook
ENTRYPOINT ["/webhook"]
