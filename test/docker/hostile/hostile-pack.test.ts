import { monitorEventLoopDelay } from 'node:perf_hooks'
import { describe, expect, test } from 'vitest'
import { failure, inOrder, lyingSandbox, useTakenOver } from './taken-over.ts'

// The sandbox side is taken over: what reaches the host is made by hand (R1, R2).

const here = useTakenOver()
const { collectFrom, crafted, file, leftovers, packsOf, plain, sends } = here

describe('a pack', () => {
  const honest = () => crafted([file('honest')])

  test.each<[string, (pack: Buffer) => Buffer]>([
    ['cut off', (pack) => pack.subarray(0, pack.length - 30)],
    [
      'with a flipped bit',
      (pack) => Buffer.concat([pack.subarray(0, 30), Buffer.from([pack[30]! ^ 1]), pack.subarray(31)]),
    ],
    ['with bytes after its end', (pack) => Buffer.concat([pack, Buffer.from('more')])],
    ['of another version', (pack) => Buffer.concat([pack.subarray(0, 7), Buffer.from([9]), pack.subarray(8)])],
    [
      'that claims four billion objects',
      (pack) => Buffer.concat([pack.subarray(0, 8), Buffer.alloc(4, 255), pack.subarray(12)]),
    ],
    ['that is text', () => Buffer.from('#!/bin/sh\ntouch /tmp/pwned\n')],
    ['that is missing', () => Buffer.alloc(0)],
  ])('%s is refused and leaves nothing', async (_, change) => {
    const before = packsOf()
    const { tree, pack } = honest()
    expect(plain(pack, tree)).toContain('honest')
    expect(await failure(collectFrom(sends(tree, change(pack))))).toMatch(/^tree-refused: /)
    expect(packsOf()).toEqual(before)
    expect(leftovers()).toEqual([])
  })

  test('with a file that nothing names is refused', async () => {
    const { tree, pack } = crafted([file('x')], { ids: [here.blob, here.forge.blob('hidden payload')] })
    expect(plain(pack, tree)).toContain('x')
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^tree-refused: .*do not belong/)
  })

  test('with a commit in it is refused', async () => {
    const person = 'A <a@example.com> 1700000000 +0000'
    const { tree } = crafted([file('x')])
    const id = here.forge.commit(`tree ${tree}\nauthor ${person}\ncommitter ${person}\n\nforged\n`)
    expect(await failure(collectFrom(sends(tree, here.forge.pack([tree, here.blob, id]))))).toMatch(
      /^tree-refused: .*do not belong/,
    )
  })

  test('of 100 kB that unpacks to 100 MB is refused before it is rendered', async () => {
    const id = here.forge.blob(Buffer.alloc(100 * 1024 * 1024))
    const { tree, pack } = crafted([{ mode: '100644', name: 'bomb', id }], { ids: [id] })
    expect(pack.length).toBeLessThan(200_000)
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^diff-too-large: .*"bomb" is larger than/)
  })

  test('of many bombs is refused by their sum', async () => {
    const id = here.forge.blob(Buffer.alloc(30 * 1024 * 1024))
    const files = Array.from({ length: 20 }, (_, n) => ({ mode: '100644', name: `bomb${n}`, id }))
    const { tree, pack } = crafted(files, { ids: [id] })
    expect(pack.length).toBeLessThan(1_000_000)
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^diff-too-large: /)
  })

  test('whose patch would be large is refused', async () => {
    const id = here.forge.blob('x\n'.repeat(12 * 1024 * 1024))
    const { tree, pack } = crafted([{ mode: '100644', name: 'long', id }], { ids: [id] })
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^diff-too-large: .*patch/)
  })

  test('of thousands of files below thousands of folders is refused without holding the runner up', async () => {
    const ids = [here.blob]
    const grow = (id: string) => (ids.push(id), id)
    let id = grow(here.forge.tree(inOrder(Array.from({ length: 10_000 }, (_, n) => file(String(n))))))
    for (let depth = 0; depth < 1900; depth++) id = grow(here.forge.tree([{ mode: '40000', name: 'a', id }]))
    const { tree, pack } = crafted([{ mode: '40000', name: 'deep', id }], { ids })
    expect(plain(pack, tree)).toContain('deep') // control: git takes it
    const delay = monitorEventLoopDelay()
    delay.enable()
    expect(await failure(collectFrom(sends(tree, pack)))).toMatch(/^diff-too-large: .*patch/)
    delay.disable()
    // Other attempts' leases are renewed by the same thread: it took 7 s when every name of every path was looked at.
    expect(delay.max / 1e9).toBeLessThan(3)
  }, 240_000)

  test('that changes more dangerous files than anyone reads says how many there are', async () => {
    const inner = here.forge.tree(inOrder(Array.from({ length: 1500 }, (_, n) => file(String(n)))))
    const { tree, pack } = crafted([{ mode: '40000', name: '.claude', id: inner }], { ids: [inner, here.blob] })
    const { flagged } = await collectFrom(sends(tree, pack))
    expect(flagged).toHaveLength(1001)
    expect(flagged.at(-1)?.path).toBe('… 500 more files')
  })

  test('without end is cut off while it streams', async () => {
    let sent = 0
    function* endless() {
      yield Buffer.from(`tree ${'1'.repeat(40)}\nPACK`)
      for (; sent < 10_000; sent++) yield Buffer.alloc(1024 * 1024)
    }
    expect(await failure(collectFrom(lyingSandbox({ stdout: endless })))).toMatch(/^diff-too-large: /)
    expect(sent).toBeLessThan(70)
  })
})

describe('an answer', () => {
  test.each<[string, string]>([
    ['empty', ''],
    ['without a line end', 'tree'],
    ['endless and without a line end', 'x'.repeat(100_000)],
    ['with a tree that is an option', 'tree --upload-pack=touch /tmp/pwned\n'],
    ['with a short id', 'tree 1234\n'],
    ['with two ids', `tree ${'1'.repeat(40)} ${'2'.repeat(40)}\n`],
    ['in capitals', `tree ${'A'.repeat(40)}\n`],
  ])('%s is a failed collection', async (_, text) => {
    expect(await failure(collectFrom(lyingSandbox({ stdout: [Buffer.from(text)] })))).toMatch(/^collect-failed: /)
    expect(leftovers()).toEqual([])
  })

  test('with an exit code is a failed collection, in words without control characters', async () => {
    const stderr = 'fatal: \u001b[2J\u202eevil\u0007 words\n'
    const { tree, pack } = crafted([file('x')])
    const said = await failure(
      collectFrom(lyingSandbox({ stdout: [Buffer.from(`tree ${tree}\n`), pack], stderr, code: 3 })),
    )
    expect(said).toMatch(/^collect-failed: .*evil {1,2}words/)
    expect(said).not.toMatch(/[\u0000-\u001f\u202e]/)
  })

  test('from a container that went away is a failed collection', async () => {
    expect(await failure(collectFrom({ ...lyingSandbox({ stdout: [] }), exec: async () => ({ code: null }) }))).toMatch(
      /^collect-failed: /,
    )
  })

  test('with a gigabyte of words is cut', async () => {
    const { tree, pack } = crafted([file('x')])
    const stderr = 'error: no\n'.repeat(1_000_000)
    const change = await collectFrom(lyingSandbox({ stdout: [Buffer.from(`tree ${tree}\n`), pack], stderr }))
    expect(change.skipped.length).toBeLessThanOrEqual(101)
  })
})
