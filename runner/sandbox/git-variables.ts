/**
 * For scripts: runs a command with `$name` for each variable for git that the shell has. To list variables takes a copy of
 * the shell, which costs a sandbox milliseconds.
 */
export const eachGitVariable = (command: string) => `while read -r line; do
  name=\${line#* } && name=\${name#-x } && name=\${name%%=*}
  case $name in GIT_*[!A-Za-z0-9_]*) ;; GIT_*) ${command} ;; esac
done <<EXPORTED
$(export -p)
EXPORTED`
