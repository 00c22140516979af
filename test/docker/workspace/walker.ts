import { createHash } from 'node:crypto'

// What `git add -A` is to make of a work tree, found without git: a walk in the sandbox, and the rules of ignoring and of
// line ends written down a second time. It knows the patterns that random trees use, no others.

/** Prints each entry: kind, mode, path and content, as hexadecimal. Nested git directories are not entered. */
export const WALK = `
sub walk { my ($dir) = @_; opendir(my $h, $dir) or die "$dir: $!";
  for my $name (sort grep { $_ ne '.' && $_ ne '..' && $_ ne '.git' } readdir $h) {
    my $path = "$dir/$name"; my @s = lstat $path; my $kind = -l _ ? 'l' : -d _ ? 'd' : -f _ ? 'f' : 'o'; my $content = '';
    if ($kind eq 'l') { $content = readlink $path } elsif ($kind eq 'f') { open(my $f, '<:raw', $path) or die; local $/; $content = <$f> // ''; }
    print join(' ', $kind, sprintf('%o', $s[2] & 07777), unpack('H*', substr($path, 2)), unpack('H*', $content)), "\\n";
    walk($path) if $kind eq 'd'; } }
chdir '/workspace' or die; walk('.');`

export type Seen = { kind: string; mode: number; path: string; content: string }
export type Tracked = { mode: string; id: string; content: string }

export function parseWalk(output: string): Seen[] {
  const raw = (hex = '') => Buffer.from(hex, 'hex').toString('latin1')
  return output
    .split('\n')
    .filter(Boolean)
    .map((line) => {
      const [kind = '', mode = '', path, content] = line.split(' ')
      return { kind, mode: parseInt(mode, 8), path: raw(path), content: raw(content) }
    })
}

/** Path to the entries that are right: two where git may, or may not, look at a file that nobody touched. */
export function expectedTree(seen: readonly Seen[], base: ReadonlyMap<string, Tracked>): Map<string, string[]> {
  const files = new Map(seen.map((each) => [each.path, each]))
  const rules = (path: string, name: string) => {
    const found = files.get(`${path.split('/')[0]}/${name}`)
    return found?.kind === 'f' ? found.content.split('\n') : []
  }
  const expected = new Map<string, string[]>()
  for (const { kind, mode, path, content } of seen) {
    const tracked = base.get(path)
    if (kind !== 'f' && kind !== 'l') continue
    if (!tracked && isIgnored(path, { patterns: rules(path, '.gitignore'), files })) continue
    const entryMode = kind === 'l' ? '120000' : mode & 0o100 ? '100755' : '100644'
    const stored = kind === 'l' ? content : converted(path, { content, tracked, lines: rules(path, '.gitattributes') })
    const right = [`${entryMode} ${blobId(stored)}`]
    // Untouched, perhaps: what a checkout of the base would have written is what is there.
    if (tracked?.mode === entryMode) right.push(`${entryMode} ${tracked.id}`)
    const same = tracked !== undefined && couldBeUntouched(tracked.content, content)
    expected.set(path, same ? right : right.slice(0, 1))
  }
  return expected
}

const couldBeUntouched = (stored: string, now: string) =>
  stored.replaceAll('\r\n', '\n') === now.replaceAll('\r\n', '\n')

type Ignoring = { patterns: readonly string[]; files: ReadonlyMap<string, Seen> }

function isIgnored(path: string, { patterns, files }: Ignoring): boolean {
  const parts = path.split('/')
  for (let depth = 2; depth <= parts.length; depth++) {
    const at = parts.slice(0, depth).join('/')
    if (matches({ at, name: parts[depth - 1] ?? '', depth, isFolder: files.get(at)?.kind === 'd' }, patterns))
      return true
  }
  return false
}

type Candidate = { at: string; name: string; depth: number; isFolder: boolean }

function matches({ name, depth, isFolder }: Candidate, patterns: readonly string[]): boolean {
  let ignored = false
  for (const line of patterns) {
    if (line === '*.log' && name.endsWith('.log')) ignored = true
    if (line === 'build/' && name === 'build' && isFolder) ignored = true
    if (line === '/a' && name === 'a' && depth === 2) ignored = true
    if (line === 'b.txt' && name === 'b.txt') ignored = true
    if (line === '!keep.log' && name === 'keep.log') ignored = false
  }
  return ignored
}

type Converting = { content: string; tracked: Tracked | undefined; lines: readonly string[] }

function converted(path: string, { content, tracked, lines }: Converting): string {
  const name = path.slice(path.lastIndexOf('/') + 1)
  let text: 'text' | 'auto' | 'binary' | undefined
  let eol = false
  for (const line of lines) {
    if (line === '* text=auto') text = 'auto'
    if (line === '*.txt text' && name.endsWith('.txt')) text = 'text'
    if (line === '*.txt eol=crlf' && name.endsWith('.txt')) eol = true
    if (line === '*.bin -text' && name.endsWith('.bin')) text = 'binary'
    if (line === '*.log binary' && name.endsWith('.log')) text = 'binary'
  }
  text ??= eol ? 'text' : undefined
  if (text === 'text') return content.replaceAll('\r\n', '\n')
  if (text !== 'auto' || looksBinary(content)) return content
  const stored = tracked?.mode === '120000' ? undefined : tracked?.content
  const keepsDos = stored !== undefined && stored.includes('\r\n') && !looksBinary(stored)
  return keepsDos ? content : content.replaceAll('\r\n', '\n')
}

/** Git's guess, from its documentation and `convert.c`: a NUL, a lone CR, or too much that cannot be printed. */
function looksBinary(content: string): boolean {
  if (content.includes('\0') || /\r(?!\n)/.test(content)) return true
  const body = content.replaceAll('\r\n', '').replaceAll('\n', '').replace(/\x1a$/, '')
  const odd = [...body].filter((char) => char === '\x7f' || (char < ' ' && !'\b\t\x1b\f'.includes(char))).length
  return (body.length - odd) >> 7 < odd
}

export function blobId(content: string): string {
  return createHash('sha1').update(`blob ${content.length}\0`).update(Buffer.from(content, 'latin1')).digest('hex')
}
