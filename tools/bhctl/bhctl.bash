# bash completion for bhctl. Source it, or install it as /usr/share/bash-completion/completions/bhctl.
# Guests' names are asked of the hypervisor, with the -d given on the line, for half a second at most.

_bhctl_guests() {
	"$@" -t 0.5 -o json list 2>/dev/null | grep -o '"name":"[^"]*"' | cut -d'"' -f4
}

_bhctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} i word
	local commands="list info console screen screenshot start shutdown reset destroy pause resume ready set sendkey eject insert top exits regs dump trace
		previous log version describe help poweroff events metrics"
	local options="--device --output --timeout --baud --interval --count --help"
	local ask=("${COMP_WORDS[0]}") words=()

	COMPREPLY=()
	case $prev in
	-d | --device)
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-o | --output)
		mapfile -t COMPREPLY < <(compgen -W "table json" -- "$cur")
		return
		;;
	-t | --timeout | -b | --baud | -i | --interval | -n | --count) return ;;
	esac
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$options" -- "$cur")
		return
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		word=${COMP_WORDS[i]}
		case $word in
		-d | --device)
			ask+=(-d "${COMP_WORDS[i + 1]}")
			((i++))
			;;
		-[otbin] | --output | --timeout | --baud | --interval | --count) ((i++)) ;;
		-*) ;;
		*) words+=("$word") ;;
		esac
	done
	case ${#words[@]},${words[0]-} in
	0,*) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
	1,help) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
	1,info | 1,console | 1,screen | 1,screenshot | 1,start | 1,shutdown | 1,reset | 1,destroy | 1,pause | 1,resume | 1,set | 1,sendkey | 1,eject | 1,insert | \
		1,exits | 1,regs | 1,dump | 2,trace)
		mapfile -t COMPREPLY < <(compgen -W "$(_bhctl_guests "${ask[@]}")" -- "$cur")
		;;
	1,describe) mapfile -t COMPREPLY < <(compgen -W "table dts" -- "$cur") ;;
	2,screenshot) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	2,info) mapfile -t COMPREPLY < <(compgen -W "summary state" -- "$cur") ;;
	2,sendkey) mapfile -t COMPREPLY < <(compgen -W "ctrl-alt-delete ret esc tab spc backspace up down left right" -- "$cur") ;;
	2,eject | 2,insert) mapfile -t COMPREPLY < <(compgen -W "cd0 cd1 floppy0 floppy1" -- "$cur") ;;
	3,eject) mapfile -t COMPREPLY < <(compgen -W "force" -- "$cur") ;;
	2,set) mapfile -t COMPREPLY < <(compgen -W "weight cap reservation pin" -- "$cur") ;;
	esac
}
complete -F _bhctl bhctl
