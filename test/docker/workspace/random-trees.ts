import fc from 'fast-check'

// Random work trees: what a repository has (base) and what an agent makes of it. Names and contents are latin1 strings,
// one character for each byte. Each case lives in a folder of its own, so that one collection tests many.

export type Node =
  | { kind: 'file'; content: string; mode: number }
  | { kind: 'link'; target: string }
  | { kind: 'folder' }
  | { kind: 'fifo' }
  | { kind: 'repository'; committed: boolean }

export type Step = { path: string; do: 'remove' } | { path: string; do: 'put'; node: Node }

export type Case = { base: [string, Node][]; steps: Step[] }

/** UTF-8 text as bytes. */
const utf8 = (text: string) => Buffer.from(text).toString('latin1')

const NAMES = [
  'a',
  'b.txt',
  'c.bin',
  'd.log',
  'keep.log',
  'build',
  'with space',
  utf8('ü 日本.txt'),
  'new\nline',
  '"quoted".txt',
  "it's",
  '-dash',
  '--',
  'tab\t',
  'back\\slash',
  '\x01',
  'bad\xff\xfe.txt',
  '#hash',
  '!bang',
  '*',
  '[a]',
  ':colon',
  '~',
  ' lead',
  '.hidden',
  '$HOME',
  '`id`',
  ';',
  '%s',
  'dev',
  'null',
  'git',
  '.gitx',
  'CON',
  'e\r',
]

const name = fc.constantFrom(...NAMES)
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))

const CONTENTS = [
  '',
  'text\n',
  'no end',
  'dos\r\nlines\r\n',
  'mixed\r\nlines\n',
  'old\rmac\r',
  'zero\0byte\r\n',
  '\xe4\xf6\r\n',
  utf8('ä\r\n'),
  '\xff\xfeu\0t\0f\0',
  '--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\n',
  'diff --git a/x b/x\n',
  '<<<<<<< a\n',
  '$Id$\n',
  'trailing \t\n\n\n',
]
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array).toString('latin1'))
const content = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...CONTENTS) }, { weight: 1, arbitrary: bytes })
const mode = fc.constantFrom(0o644, 0o644, 0o755, 0o600, 0o444, 0o000, 0o4711)

const file = fc.record({ kind: fc.constant('file' as const), content, mode })
const link = fc.record({
  kind: fc.constant('link' as const),
  target: fc.constantFrom('a', '../a', '/etc/passwd', 'with space\n', 'bad\xff', '.', '../../../../..', 'nowhere'),
})
const plain = fc.oneof({ weight: 6, arbitrary: file }, { weight: 1, arbitrary: link })
const anything = fc.oneof(
  { weight: 10, arbitrary: plain },
  { weight: 1, arbitrary: fc.constant({ kind: 'folder' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'fifo' as const }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repository' as const), committed: fc.boolean() }) },
)

const IGNORE = ['*.log', 'build/', '/a', '!keep.log', 'b.txt', '# note', '']
const ATTRIBUTES = [
  '* text=auto',
  '*.txt text',
  '*.txt eol=crlf',
  '*.bin -text',
  '*.log binary',
  '*.txt -diff',
  '*.txt filter=lfs',
  '* whitespace=fix',
  '*.bin diff=astextplain',
]
const lines = (of: readonly string[]) =>
  fc.array(fc.constantFrom(...of), { maxLength: 4 }).map((all) => all.map((line) => `${line}\n`).join(''))
const special = fc.oneof(
  lines(IGNORE).map((text) => ['.gitignore', { kind: 'file', content: text, mode: 0o644 }] as [string, Node]),
  lines(ATTRIBUTES).map((text) => ['.gitattributes', { kind: 'file', content: text, mode: 0o644 }] as [string, Node]),
)

const base = fc
  .tuple(fc.array(fc.tuple(path, plain as fc.Arbitrary<Node>), { maxLength: 8 }), fc.array(special, { maxLength: 2 }))
  .map(([files, specials]) => withoutConflicts([...specials, ...files]))

/** Steps aim at paths of the base as often as at new ones: edits, removals, files for folders and the reverse. */
export const randomCase: fc.Arbitrary<Case> = base.chain((files) => {
  const known = files.map(([at]) => at).filter((at) => !at.startsWith('.git'))
  const parents = known.flatMap((at) => (at.includes('/') ? [at.slice(0, at.lastIndexOf('/'))] : []))
  const below = known.map((at) => `${at}/a`)
  const target = known.length === 0 ? path : fc.oneof(path, fc.constantFrom(...known, ...parents, ...below))
  // A pipe in place of a tracked file is an error to git, and told as one; here it only stands where nothing was.
  const put = fc
    .tuple(target, anything as fc.Arbitrary<Node>)
    .filter(([at, node]) => node.kind !== 'fifo' || !files.some(([each]) => overlaps(each, at)))
  const step: fc.Arbitrary<Step> = fc.oneof(
    { weight: 4, arbitrary: put.map(([at, node]): Step => ({ path: at, do: 'put', node })) },
    { weight: 1, arbitrary: special.map(([at, node]): Step => ({ path: at, do: 'put', node })) },
    { weight: 2, arbitrary: target.map((at): Step => ({ path: at, do: 'remove' })) },
  )
  return fc.array(step, { maxLength: 8 }).map((steps) => ({ base: files, steps }))
})

const overlaps = (a: string, b: string) => a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`)

function withoutConflicts(files: [string, Node][]): [string, Node][] {
  const kept: [string, Node][] = []
  for (const each of files) if (!kept.some(([at]) => overlaps(at, each[0]))) kept.push(each)
  return kept
}

/** A bash word that is these very bytes, whatever they are. */
const word = (raw: string) =>
  `$'${[...raw].map((char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')}'`
/** For printf, which also makes NUL. */
const printed = (raw: string) =>
  `'${[...raw].map((char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`).join('')}'`

/** The steps as a bash script that runs in the case's folder. A step that cannot be done is left out. */
export function scriptOf({ steps }: Case): string {
  return steps
    .map((step) => {
      const at = `./${step.path}`
      const clear = `rm -rf -- ${word(at)}`
      return step.do === 'remove'
        ? clear
        : `${clear}; mkdir -p -- ${word(at.slice(0, at.lastIndexOf('/')))} 2>/dev/null && { ${make(word(at), step.node)}; }`
    })
    .map((line) => `{ ${line}; } 2>/dev/null`)
    .join('\n')
}

function make(at: string, node: Node): string {
  switch (node.kind) {
    case 'file':
      return `printf ${printed(node.content)} > ${at}; chmod ${node.mode.toString(8)} ${at}`
    case 'link':
      return `ln -s -- ${word(node.target)} ${at}`
    case 'folder':
      return `mkdir ${at}`
    case 'fifo':
      return `mkfifo ${at}`
    case 'repository':
      return `(mkdir ${at} && cd ${at} && git init -q && echo inner > inner && git config core.fsmonitor 'touch /tmp/marker;' ${node.committed ? '&& git add . && git -c user.name=a -c user.email=a@b commit -qm x' : ''})`
    default:
      return node satisfies never
  }
}

/** The base of all cases as a stream for `git fast-import`, each in its folder. */
export function importOf(cases: readonly Case[], parent: string): Buffer {
  const files = cases.flatMap(({ base: nodes }, n) => nodes.map(([at, node]) => ({ path: `case${n}/${at}`, node })))
  const quoted = (raw: string) =>
    `"${[...raw].map((char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`).join('')}"`
  const entries = files.flatMap(({ path: at, node }) => {
    if (node.kind === 'file')
      return [
        `M ${node.mode & 0o100 ? '100755' : '100644'} inline ${quoted(at)}\ndata ${node.content.length}\n${node.content}\n`,
      ]
    return node.kind === 'link' ? [`M 120000 inline ${quoted(at)}\ndata ${node.target.length}\n${node.target}\n`] : []
  })
  const head = `commit refs/heads/main\ncommitter A <a@example.com> 1700000000 +0000\ndata 4\nbase\nfrom ${parent}\n`
  return Buffer.from(head + entries.join(''), 'latin1')
}
