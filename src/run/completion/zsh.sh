#compdef PROGRAM
# zsh completion for PROGRAM. For every shell: put it into a folder of $fpath as _PROGRAM
# Commands: COMMANDS.
_FUNCTION() {
    local program=${(Q)words[1]/#\~\//$HOME/} out directive line value
    local -a typed lines found
    typed=("${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}")
    (( $+commands[$program] )) || [[ -x $program ]] || program=PROGRAM
    out=$("$program" __complete "${typed[@]}" 2>/dev/null </dev/null) || return 1
    directive=${out##*:}
    lines=("${(@f)${out%:*}}")
    if (( directive == 0 || directive & 16 )); then
        # Of --flag=path the path is what zsh completes.
        compset -P '-*='
        if (( directive == 0 )); then _files; else _files -/; fi
        return
    fi
    for line in "${lines[@]}"; do
        [[ -n $line ]] || continue
        value=${${line%%$'\t'*}//:/\\:}
        if [[ $line == *$'\t'* ]]; then found+=("$value:${line#*$'\t'}"); else found+=("$value"); fi
    done
    (( $#found )) || return 1
    if (( directive & 2 )); then
        _describe -V PROGRAM found -S ''
    else
        _describe -V PROGRAM found
    fi
}
# Read by compinit it is the function itself; sourced, it registers one.
if [[ ${funcstack[1]} == _PROGRAM ]]; then
    _FUNCTION "$@"
else
    compdef _FUNCTION PROGRAM
fi
