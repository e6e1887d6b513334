# SPDX-License-Identifier: GPL-3.0-or-later
# Completion of ftpalg(8) for bash. What can be typed is asked of the program itself.

_ftpalg()
{
	local current=${COMP_WORDS[COMP_CWORD]} line word

	COMPREPLY=()
	while IFS= read -r line; do
		word=${line%%$'\t'*}
		if [[ $word == :files ]]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r word; do
				COMPREPLY+=("$word")
			done < <(compgen -f -- "$current")
		elif [[ $word == "$current"* ]]; then
			COMPREPLY+=("$word")
		fi
	done < <(PATH=$PATH:/usr/sbin:/sbin "${COMP_WORDS[0]}" help --completion "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _ftpalg ftpalg
