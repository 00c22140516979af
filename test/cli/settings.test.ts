import { expect, test } from 'vitest'
import { getSettings } from '../../cli/commands/settings/get.ts'
import { setSettings } from '../../cli/commands/settings/set.ts'
import { fakeWorld, json } from './fakes.ts'

const SETTINGS = { localUse: true, allowedModels: [] as string[], publicUrl: null as string | null }

test('settings get prints each with its JSON, one of them, or the document', async () => {
  const world = () => fakeWorld({ 'GET /settings': () => json(SETTINGS) })
  const [all, one, document] = [world(), world(), world()]
  await getSettings.run([], all.context)
  expect(all.out()).toBe('localUse=true\nallowedModels=[]\npublicUrl=null\n')
  await getSettings.run(['localUse'], one.context)
  expect(one.out()).toBe('localUse=true\n')
  await getSettings.run(['--json'], document.context)
  expect(JSON.parse(document.out())).toEqual(SETTINGS)
})

test.each(['colour', '__proto__', 'toString'])(
  'settings get %s is wrong use, and names those there are',
  async (name) => {
    const { context } = fakeWorld({ 'GET /settings': () => json(SETTINGS) })
    await expect(getSettings.run([name], context)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining('localUse, allowedModels') as unknown,
    })
  },
)

test.each<[string, unknown]>([
  ['false', false],
  ['["a","b"]', ['a', 'b']],
  ['null', null],
  ['https://drydock.test', 'https://drydock.test'],
])('settings set takes %s as what it is', async (text, value) => {
  const world = fakeWorld({ 'PATCH /settings': () => json({ ...SETTINGS, publicUrl: value }) })
  expect(await setSettings.run(['publicUrl', text], world.context)).toBe(0)
  expect(world.calls).toMatchObject([{ method: 'PATCH', body: { publicUrl: value } }])
  expect(world.err()).toContain(`publicUrl is ${JSON.stringify(value)} now`)
})
