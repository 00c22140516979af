/** Code points that HFS+ ignores in names, so that `.g\u200cit` is `.git` there. */
const HFS_IGNORED = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g
/** NTFS ignores trailing dots and spaces, and takes what follows a colon for a stream. */
const NTFS_TAIL = /[ .]*(:.*)?$/s

/**
 * What is wrong with a path for some machine that checks it out; undefined for one that is only odd. `bytes` is latin1, one
 * character for each byte, since names need not be text.
 */
export function badName(bytes: string): string | undefined {
  if (bytes.length === 0 || bytes.length >= 4096) return 'its name is empty or too long'
  for (const part of bytes.split('/')) {
    if (part === '' || part === '.' || part === '..' || part.includes('\0'))
      return 'it holds an empty, "." or ".." name'
    if (part.split('\\').some(isGitFolder)) return 'its name stands for .git on some machines'
    if (/(^|\\)\.\.(\\|$)/.test(part)) return 'it leads out of the folder on some machines'
  }
  return undefined
}

/** Says whether a name stands for `.git` on some machine. */
export function isGitFolder(part: string): boolean {
  const plain = foldName(part)
  return plain === '.git' || plain === 'git~1'
}

/** A name as the least exact file system sees it. */
export function foldName(bytes: string): string {
  return foldText(Buffer.from(bytes, 'latin1').toString('utf8')).toLowerCase()
}

/** The same for a name that is text already, without its case. */
export function foldText(name: string): string {
  return name.replace(HFS_IGNORED, '').replace(NTFS_TAIL, '')
}

/** Files of git's own that mean something in whichever folder they lie. */
const GIT_FILES = new Set(['.gitmodules', '.gitattributes', '.gitignore', '.mailmap'])

/** Says whether a name is, on some machine, a file that configures git. `gitmod~1` is what NTFS makes of `.gitmodules`. */
export function isGitFile(bytes: string, name?: string): boolean {
  const folded = foldName(bytes)
  const long = /^gitmod~[1-4]$/.test(folded) ? '.gitmodules' : folded
  return name === undefined ? GIT_FILES.has(long) : long === name
}
