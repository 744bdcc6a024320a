# Completion for ringcast and ringload: commands and flags as the program itself names them in --help.

_ringcast() {
  local program=$1 word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command='' text
  if ((COMP_CWORD > 1)) && [[ ${COMP_WORDS[1]} != -* ]]; then command=${COMP_WORDS[1]}; fi
  text=$("$program" ${command:+"$command"} --help 2>/dev/null)
  # "ringcast token [the server's flags]": a command may take them all
  [[ -z $command || $text != *"server's flags"* ]] || text+=$'\n'$("$program" --help 2>/dev/null)
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(grep -oE -- '(^|[ ,])--[a-z][a-z0-9-]*' <<<"$text" | tr -d ' ,' | sort -u)" -- "$word")
  elif [[ $before == -* ]] && text=$(grep -A 6 -m 1 -E -- "(^|[ ,])$before( |$)" <<<"$text") &&
    [[ $text =~ ([a-z_]+(\|[a-z_]+)+) ]] && [[ ${text%%$'\n'*} == *CHOICE* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "${BASH_REMATCH[1]//|/ }" -- "$word")
  elif ((COMP_CWORD == 1)); then
    mapfile -t COMPREPLY < <(compgen -W "$(sed -nE \
      -e "s/^(Usage:)? *${program##*/} ([a-z]+(, [a-z]+)*)\b.*/\2/p" -e 's/^ *scenario .*\{(.*)\}.*/\1/p' <<<"$text" | tr -d ' ' | tr , ' ')" -- "$word")
  fi
}

complete -o default -F _ringcast ringcast ringload
