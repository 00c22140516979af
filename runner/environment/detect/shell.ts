/** One word for the shell, whatever it holds. */
export function quote(word: string): string {
  return /^[A-Za-z0-9_/.@%+=:,][A-Za-z0-9_/.@%+=:,-]*$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}

/** A command that runs in a folder of the repository and leaves the next one where it was. */
export function inFolder(folder: string, command: string): string {
  if (folder === '') return command
  return `(cd ${quote(folder)} && ${/&&|\|\|/.test(command) ? `{ ${command}; }` : command})`
}
