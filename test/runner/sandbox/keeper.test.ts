import { Duplex } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Keeper } from '../../../runner/sandbox/keeper.ts'
import type { ExecSpec } from '../../../runner/sandbox/sandbox.ts'

const NEVER = new AbortController().signal
const frame = (stream: 'stdout' | 'stderr', text: string) => {
  const header = Buffer.alloc(8)
  header[0] = stream === 'stderr' ? 2 : 1
  header.writeUInt32BE(Buffer.byteLength(text), 4)
  return Buffer.concat([header, Buffer.from(text)])
}

/** A keeper at the other end of whose stream is this test. */
async function world(greeting = 'drydock:ready git serves\n') {
  let asked = ''
  let ended = false
  const stream = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      asked += chunk.toString()
      done()
    },
    final(done) {
      ended = true
      done()
    },
  })
  const keeper = new Keeper(stream)
  const say = (on: 'stdout' | 'stderr', text: string) => void stream.push(frame(on, text))
  say('stdout', greeting)
  expect(await keeper.greeting()).toBe(greeting)
  return {
    keeper,
    stream,
    say,
    mark: () => /^([0-9a-f]{32}) /m.exec(asked.split('\n').findLast((line) => /^[0-9a-f]{32} /.test(line)) ?? '')?.[1],
    asked: () => asked,
    isEnded: () => ended || stream.destroyed,
  }
}

function aSpec(said: string[]): ExecSpec {
  return {
    command: ['true'],
    user: 'agent',
    onOutput: (stream, chunk) => void said.push(`${stream} ${chunk.toString()}`),
  }
}

test('run() ends when both outputs have the mark, and hands on what came before', async () => {
  const { keeper, say, mark } = await world()
  const said: string[] = []
  const running = keeper.run(aSpec(said), false, NEVER)
  say('stdout', `out\x1e${mark()} 3\n`)
  say('stderr', 'late words')
  say('stderr', `\x1e${mark()} 3\n`)
  expect(await running).toEqual({ code: 3 })
  expect(said).toEqual(['stdout out', 'stderr late words'])
  expect(keeper.isFree).toBe(true)
})

test('run() takes one command at a time, and none after the last', async () => {
  const { keeper, say, mark, isEnded } = await world()
  const running = keeper.run(aSpec([]), true, NEVER)
  expect(keeper.run(aSpec([]), false, NEVER)).toBeUndefined()
  for (const on of ['stdout', 'stderr'] as const) say(on, `\x1e${mark()} 0\n`)
  expect(await running).toEqual({ code: 0 })
  expect(keeper.run(aSpec([]), false, NEVER)).toBeUndefined()
  expect(isEnded()).toBe(true)
})

test('run() believes no mark but its own', async () => {
  const { keeper, say, mark, stream } = await world()
  const said: string[] = []
  const running = keeper.run(aSpec(said), true, NEVER)
  say('stdout', `\x1e${'0'.repeat(32)} 0\n\x1e`)
  say('stderr', `\x1e${mark()?.slice(0, 31)}`)
  await turn()
  stream.push(null)
  expect(await running).toEqual({ code: null })
  expect(said[0]).toBe(`stdout \x1e${'0'.repeat(32)} 0\n`)
})

test('run() ends with null when the container goes away, and rejects at once on abort', async () => {
  const gone = await world()
  const running = gone.keeper.run(aSpec([]), false, NEVER)
  gone.stream.destroy()
  expect(await running).toEqual({ code: null })

  const { keeper } = await world()
  const stop = new AbortController()
  const stopped = keeper.run(aSpec([]), false, stop.signal)
  stop.abort(new Error('cancelled'))
  await expect(stopped).rejects.toThrow('cancelled')
  expect(keeper.isFree).toBe(false)
})

test('run() rejects with the failure of whoever reads the output', async () => {
  const { keeper, say } = await world()
  const onOutput = async () => Promise.reject(new Error('too much'))
  const running = keeper.run({ ...aSpec([]), onOutput }, false, NEVER)
  say('stdout', 'words')
  await expect(running).rejects.toThrow('too much')
})

test.each(['drydock:ready git \n', 'drydock:ready no-git \n'])(
  'a keeper that greets with %j serves nothing',
  async (greeting) => {
    const { keeper, isEnded } = await world(greeting)
    expect(keeper.run(aSpec([]), false, NEVER)).toBeUndefined()
    expect(isEnded()).toBe(true)
  },
)

test('close() lets a command that runs go on, and ends what the keeper reads', async () => {
  const { keeper, say, mark, isEnded } = await world()
  const said: string[] = []
  const running = keeper.run(aSpec(said), false, NEVER)
  keeper.close()
  expect(isEnded()).toBe(true)
  say('stdout', `words\x1e${mark()} 0\n`)
  say('stderr', `\x1e${mark()} 0\n`)
  expect(await running).toEqual({ code: 0 })
  expect(said).toEqual(['stdout words'])
})
