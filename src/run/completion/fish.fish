# fish completion for PROGRAM. For every shell: put it into ~/.config/fish/completions/PROGRAM.fish
# Commands: COMMANDS.
function _FUNCTION
    set -l typed (commandline --current-process --tokenize --cut-at-cursor)
    set -l current (commandline --current-token --cut-at-cursor)
    set -l program (string replace --regex '^~/' "$HOME/" -- $typed[1])
    type -q -- $program; or set program PROGRAM
    set -l out ($program __complete $typed[2..-1] "$current" 2>/dev/null </dev/null)
    or return 1
    set -l directive (string replace ':' '' -- $out[-1])
    if test "$directive" = 0 -o "$directive" = 16
        # Of --flag=path the path is what fish completes.
        set -l flag (string match --regex -- '^-[^=]*=' "$current")
        set -l path (string replace --regex -- '^-[^=]*=' '' "$current")
        set -l found (__fish_complete_path "$path")
        test "$directive" = 16; and set found (__fish_complete_directories "$path" '')
        for each in $found
            echo -- "$flag$each"
        end
    else
        string join \n -- $out[1..-2]
    end
end
complete --command PROGRAM --no-files --keep-order --arguments '(_FUNCTION)'
