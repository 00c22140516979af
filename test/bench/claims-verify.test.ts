import { expect, test } from 'vitest'
import { brokenCaps, doubleClaims, unfairClaims } from '../../bench/claims/verify.ts'
import type { Op, Rules } from '../../bench/claims/verify.ts'

const queue = (users: Record<string, Record<string, number>>) =>
  new Map(Object.entries(users).map(([user, waiting]) => [user, new Map(Object.entries(waiting))]))
const rules = (queued: Rules['queued'], caps: { user?: number; environment?: number } = {}): Rules => ({
  userCap: () => caps.user ?? 100,
  environmentCap: () => caps.environment ?? 100,
  queued,
})
let number = 0
const op = (kind: Op['kind'], who: string, [began, ended]: [number, number], attempt = `a${number++}`): Op => {
  const [user = '', environment = ''] = who.split('@')
  return { kind, attempt, user, environment, began, ended }
}

test('doubleClaims() names an attempt that was given out twice', () => {
  const ops = [op('claim', 'u@e', [0, 1], 'x'), op('claim', 'u@e', [2, 3], 'y')]
  expect(doubleClaims(ops)).toEqual([])
  expect(doubleClaims([...ops, op('claim', 'u@e', [4, 5], 'x')])).toEqual(['attempt x was claimed twice'])
})

test('brokenCaps() counts from the end of a claim to the beginning of its finish', () => {
  const ops = [op('claim', 'u@e', [0, 1]), op('claim', 'u@f', [2, 9]), op('finish', 'u@e', [5, 6])]
  expect(brokenCaps(ops, rules(queue({}), { user: 1 }))).toEqual([])
  const third = op('claim', 'v@f', [10, 11])
  expect(brokenCaps([...ops, third], rules(queue({}), { environment: 1 }))).toEqual([
    'environment f ran 2 at once, and 1 is the cap',
  ])
})

const first = op('claim', 'u@e', [0, 1])
const second = op('claim', 'u@e', [2, 3])

test('unfairClaims() finds a claim that passed over a less busy user', () => {
  expect(unfairClaims([first, second], rules(queue({ u: { e: 2 }, v: { e: 1 } })))).toHaveLength(1)
})

test.each<[string, Rules, Op[]]>([
  ['who has nothing queued', rules(queue({ u: { e: 2 }, v: {} })), []],
  ['who is at the cap', { ...rules(queue({ u: { e: 2 }, v: { e: 1 } })), userCap: (id) => (id === 'v' ? 0 : 9) }, []],
  [
    'whose environment is at its cap',
    { ...rules(queue({ u: { e: 2 }, v: { f: 1 } })), environmentCap: (id) => (id === 'f' ? 0 : 9) },
    [],
  ],
  ['whom a concurrent claim holds', rules(queue({ u: { e: 2 }, v: { e: 2 } })), [op('claim', 'v@e', [1.5, 2.5])]],
  [
    'whose only environment a concurrent claim holds',
    rules(queue({ u: { e: 2 }, v: { f: 1 }, w: { f: 1 } })),
    [op('claim', 'w@f', [1.5, 2.5])],
  ],
])('unfairClaims() accepts passing over a user %s', (_, given, beside) => {
  expect(unfairClaims([first, second, ...beside], given)).toEqual([])
})

test('unfairClaims() grants that the chosen user became less busy meanwhile', () => {
  const finish = op('finish', 'u@e', [1.5, 2.5], first.attempt)
  expect(unfairClaims([first, finish, second], rules(queue({ u: { e: 2 }, v: { e: 1 } })))).toEqual([])
})

test('unfairClaims() with patience accepts one that was passed over for a moment, and not for long', () => {
  const claims = (n: number) =>
    Array.from({ length: n }, (_, i) => ({ ...first, attempt: `a${i}`, began: 10 * i, ended: 10 * i + 1 }))
  const waiting = rules(queue({ u: { e: 50 }, v: { e: 1 } }))
  expect(unfairClaims(claims(4), waiting, 3)).toEqual([])
  expect(unfairClaims(claims(5), waiting, 3)).toHaveLength(1)
})
