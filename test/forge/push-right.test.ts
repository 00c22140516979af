import { expect, test } from 'vitest'
import { DrydockError } from '../../domain/errors.ts'
import type { PushRight } from '../../forge/forge.ts'
import { assertMayPublish, assertMayStart } from '../../forge/push-right.ts'

const { signal } = new AbortController()
const ADA = { login: 'ada', id: 7 }
const github = (address: string) => ({ forge: 'github' as const, address })
const away = new DrydockError('forge-unavailable', 'Away.')

type Answers = Record<string, PushRight | Error>

/** Somebody who publishes; the forge answers by repository, and notes what it is asked. */
function publisher(answers: Answers, { isLinked = true, publishUnlinked = true } = {}) {
  const asked: string[] = []
  const pushRight = async (repository: string) => {
    asked.push(repository)
    const answer = answers[repository] ?? 'none'
    if (answer instanceof Error) throw answer
    return answer
  }
  const forge = { host: 'github.test', pushRight }
  return { asked, who: { environment: { name: 'shop', publishUnlinked }, account: isLinked ? ADA : undefined, forge } }
}

const refusal = (message: string) => ({ code: 'push-refused', message: `Cannot publish to a/b: ${message}` })

test('assertMayPublish() says as whom', async () => {
  expect(await assertMayPublish('a/b', publisher({ 'a/b': 'push' }).who, signal)).toEqual({
    host: 'github.test',
    ...ADA,
  })
  const unlinked = publisher({}, { isLinked: false })
  expect(await assertMayPublish('a/b', unlinked.who, signal)).toBe('unlinked')
  expect(unlinked.asked).toEqual([])
})

test.each([
  ['the forge does not let push', { 'a/b': 'none' }, {}, 'github.test does not let "ada" push there'],
  [
    'the forge does not know as the one who was linked',
    { 'a/b': 'stranger' },
    {},
    '"ada" on github.test is not the account any more that was linked. Link yours again with "drydock forge link"',
  ],
  [
    'the environment does not let publish',
    { 'a/b': 'push' },
    { isLinked: false, publishUnlinked: false },
    'in environment "shop" that is for people whose login on github.test is linked. Link yours with "drydock forge link"',
  ],
] as const)('assertMayPublish() and assertMayStart() refuse whom %s', async (_, answers, who, message) => {
  const one = publisher(answers, who).who
  await expect(assertMayPublish('a/b', one, signal)).rejects.toMatchObject(refusal(message))
  await expect(assertMayStart([github('a/b')], one, signal)).rejects.toMatchObject(refusal(message))
})

test('assertMayPublish() denies while the forge does not answer, assertMayStart() does not', async () => {
  const { who } = publisher({ 'a/b': away })
  await expect(assertMayPublish('a/b', who, signal)).rejects.toBe(away)
  await assertMayStart([github('a/b')], who, signal)
})

test('assertMayStart() refuses only what could be published nowhere', async () => {
  const { who, asked } = publisher({ 'a/b': 'none', 'a/c': 'push' })
  await assertMayStart([github('a/b'), github('a/c')], who, signal)
  await assertMayStart([{ forge: 'git', address: '/srv/a' }, github('a/b')], who, signal)
  await expect(assertMayStart([github('a/b'), github('a/d')], who, signal)).rejects.toMatchObject({
    message: expect.stringContaining('a/b') as string,
  })
  expect(asked).toEqual(['a/b', 'a/c', 'a/b', 'a/d'])
})

test('assertMayStart() refuses unlinked people also where it cannot ask the forge, and nobody else there', async () => {
  const forge = { host: 'github.test', pushRight: undefined }
  const environment = { name: 'shop', publishUnlinked: false }
  await assertMayStart([github('a/b')], { environment, account: ADA, forge }, signal)
  const unlinked = { environment, account: undefined, forge }
  await expect(assertMayStart([github('a/b')], unlinked, signal)).rejects.toMatchObject({ code: 'push-refused' })
})

test('assertMayStart() ends with the signal of who asks', async () => {
  const { who } = publisher({ 'a/b': away })
  await expect(assertMayStart([github('a/b')], who, AbortSignal.abort(new Error('over')))).rejects.toThrow('over')
})
