# bash completion for PROGRAM. For this shell: source <(PROGRAM completion bash)
# Commands: COMMANDS.
_FUNCTION() {
    local program=${COMP_WORDS[0]} line=${COMP_LINE-} rest gap word current="" tail="" out directive value i
    local -a words=()
    # The words as they were typed: bash splits them at = and : too.
    [[ -n $line ]] || line="${COMP_WORDS[*]:0:COMP_CWORD+1}"
    [[ -z ${COMP_LINE-} ]] || line=${line:0:${COMP_POINT:-${#line}}}
    rest=$line
    for ((i = 0; i <= COMP_CWORD; i++)); do
        gap=${rest%%[![:space:]]*}
        rest=${rest#"$gap"}
        word=${COMP_WORDS[i]-}
        # The last one ends at the cursor.
        ((i < COMP_CWORD)) || word=$rest
        rest=${rest#"$word"}
        tail=$word
        if [[ -n $gap || $i -eq 0 || ${#words[@]} -eq 0 ]]; then
            words+=("$word")
        else
            words[${#words[@]} - 1]+=$word
        fi
    done
    current=${words[${#words[@]} - 1]}
    # Of a word that bash has split, it replaces the last part.
    [[ $tail != [=:]* ]] || tail=""
    program=${program/#\~\//$HOME/}
    type -P -- "$program" >/dev/null || program=PROGRAM
    COMPREPLY=()
    out=$("$program" __complete "${words[@]:1}" 2>/dev/null </dev/null) || return 0
    directive=${out##*:}
    out=${out%:*}
    if ((directive == 0)) || ((directive & 16)); then
        local kind=-f
        ((directive == 0)) || kind=-d
        compopt -o filenames 2>/dev/null
        while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen "$kind" -- "$tail")
        return 0
    fi
    ((directive & 2)) && compopt -o nospace 2>/dev/null
    while IFS= read -r value; do
        value=${value%%$'\t'*}
        [[ -n $value ]] || continue
        value=${value#"${current%"$tail"}"}
        # A name may have spaces, or what the shell would run.
        [[ $value != *[^[:alnum:]_./:=@%+,-]* ]] || printf -v value %q "$value"
        COMPREPLY+=("$value")
    done <<<"$out"
    return 0
}
complete -o nosort -F _FUNCTION PROGRAM 2>/dev/null || complete -F _FUNCTION PROGRAM
