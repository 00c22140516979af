import { describe, expect, test } from 'vitest'
import { failure, inOrder, useTakenOver } from './taken-over.ts'
import type { Entry } from './taken-over.ts'

// The sandbox side is taken over: what reaches the host is made by hand (R1, R2).

const here = useTakenOver()
const { collectFrom, crafted, file, leftovers, packsOf, plain, sends } = here

test('control: an honest tree in the same form is accepted', async () => {
  const { tree, pack } = crafted([{ mode: '100644', name: 'new.txt', id: here.blob }])
  const change = await collectFrom(sends(tree, pack))
  expect(change).toMatchObject({ tree, stats: { files: 1, additions: 1, deletions: 0 } })
  expect(packsOf()).toHaveLength(2)
  expect(leftovers()).toEqual([])
})

describe('a name', () => {
  test.each<[string, string | Buffer]>([
    ['dot dot', '..'],
    ['dot', '.'],
    ['of git', '.git'],
    ['of git in capitals', '.GIT'],
    ['of git as DOS had it', 'git~1'],
    ['of git with a dot after it', '.git.'],
    ['of git with a space after it', '.git '],
    ['of git with an NTFS stream', '.git::$INDEX_ALLOCATION'],
    ['of git with a letter that HFS+ ignores', '.g\u200cit'],
    ['of git behind a backslash', 'x\\.git\\config'],
    ['that leads up by backslashes', '..\\..\\etc'],
    ['with a slash in it', 'folder/../../x'],
    ['absolute', '/etc/passwd'],
  ])('%s is refused', async (_, name) => {
    const { tree, pack } = crafted([file(name)])
    expect(plain(pack, tree)).toContain(here.blob)
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })

  test('of git as a folder is refused', async () => {
    const inner = here.forge.tree([file('config')])
    const { tree, pack } = crafted([{ mode: '40000', name: '.Git', id: inner }], { ids: [inner, here.blob] })
    expect(plain(pack, tree)).toContain('.Git')
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })

  test('of git below a folder that the base has is refused', async () => {
    const inner = here.forge.tree(inOrder([{ mode: '100644', name: 'b.txt', id: here.blob }, file('git~1')]))
    const { tree, pack } = crafted([{ mode: '40000', name: 'folder', id: inner }], { ids: [inner, here.blob] })
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })
})

describe('git’s own files', () => {
  test.each([
    ['.gitmodules', '.gitmodules', '100644'],
    ['.gitmodules in capitals', '.GITMODULES', '100644'],
    ['.gitmodules as DOS has it', 'GITMOD~1', '100644'],
    ['.gitmodules with a letter that HFS+ ignores', '.git\u200dmodules', '100644'],
    ['.gitmodules as a symlink', '.gitmodules', '120000'],
    ['.gitattributes as a symlink', '.gitattributes', '120000'],
    ['.gitignore as a symlink', '.gitignore', '120000'],
    ['.mailmap as a symlink', '.mailmap', '120000'],
  ])('%s: refused by name', async (_, name, mode) => {
    const { tree, pack } = crafted([file(name, mode)])
    expect(plain(pack, tree)).toContain(here.blob)
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })

  test('.gitmodules is refused with a sentence that names it', async () => {
    const { tree, pack } = crafted([file('.gitmodules')])
    expect(await failure(collectFrom(sends(tree, pack)))).toContain('it changes ".gitmodules". Submodules can only')
  })
})

describe('a mode', () => {
  test.each([
    ['of a submodule commit', '160000'],
    ['writable by all', '100666'],
    ['of an old git', '100664'],
    ['set-uid', '104755'],
    ['padded with a zero', '0100644'],
    ['of a socket', '140000'],
    ['of a folder, on a file', '40000'],
  ])('%s is refused', async (_, mode) => {
    const { tree, pack } = crafted([file('x', mode)])
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
    if (mode !== '40000') expect(plain(pack, tree)).toContain('x')
  })
})

describe('a tree', () => {
  const EMPTY = '4b825dc642cb6eb9a060e54bf8d69288fbee4904'
  test.each<[string, () => Entry[], ((entries: Entry[]) => Entry[])?]>([
    ['with a name twice', () => [file('x'), file('x', '100755')]],
    ['with a file and a folder of one name', () => [file('y'), { mode: '40000', name: 'y', id: EMPTY }]],
    ['out of order', () => [file('z')], (entries) => [...entries].reverse()],
    ['with an empty folder', () => [{ mode: '40000', name: 'empty', id: EMPTY }]],
    ['with a file that is missing', () => [{ mode: '100644', name: 'gone', id: '1'.repeat(40) }]],
    ['with a folder that is missing', () => [{ mode: '40000', name: 'gone', id: '2'.repeat(40) }]],
    ['with the null id', () => [{ mode: '100644', name: 'null', id: '0'.repeat(40) }]],
  ])('%s is refused', async (_, extra, order) => {
    const { tree, pack } = crafted(extra(), order ? { order } : {})
    expect(plain(pack, tree)).toContain('a.txt')
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })

  test('whose folder is a file is refused', async () => {
    const { tree, pack } = crafted([{ mode: '40000', name: 'trick', id: here.blob }])
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })

  test('whose file is a folder is refused', async () => {
    const inner = here.forge.tree([file('x')])
    const { tree, pack } = crafted([{ mode: '100644', name: 'trick', id: inner }], { ids: [inner, here.blob] })
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })

  test('that needs an object of another attempt is refused', async () => {
    const secret = crafted([{ mode: '100644', name: 'secret', id: here.forge.blob('of another attempt\n') }], {
      ids: [here.forge.blob('of another attempt\n')],
    })
    expect(await failure(collectFrom(sends(secret.tree, secret.pack)))).toBe('accepted')
    const { tree, pack } = crafted([{ mode: '100644', name: 'stolen', id: here.forge.blob('of another attempt\n') }], {
      ids: [],
    })
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  })

  test.each([
    ['a commit', () => here.base.commit],
    ['a file', () => here.blob],
    ['nothing that exists', () => '3'.repeat(40)],
  ])('id that names %s is refused', async (_, id) => {
    const { pack } = crafted([file('x')])
    expect(await failure(collectFrom(sends(id(), pack)))).toMatch(/^tree-refused: /)
  })

  test('with a symlink whose target holds a NUL, is empty or endless is refused', async () => {
    for (const target of ['a\0b', '', 'x'.repeat(5000)]) {
      const id = here.forge.blob(target)
      const { tree, pack } = crafted([{ mode: '120000', name: 'link', id }], { ids: [id] })
      expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: .*"link"/)
    }
  })

  test('nested deeper than a path can be is refused', async () => {
    const ids = [here.blob]
    let id = here.forge.tree([file('x')])
    ids.push(id)
    for (let depth = 0; depth < 300; depth++)
      ids.push((id = here.forge.tree([{ mode: '40000', name: 'd'.repeat(60), id }])))
    const { tree, pack } = crafted([{ mode: '40000', name: 'deep', id }], { ids })
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: /)
  }, 60_000)
})
