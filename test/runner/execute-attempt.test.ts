import { expect, test } from 'vitest'
import { DrydockError } from '../../domain/errors.ts'
import { executeAttempt } from '../../runner/execute-attempt.ts'
import type { EventLog } from '../../runner/event-log.ts'
import type { Phases } from '../../runner/phases.ts'
import { stopSwitch } from '../../runner/stop.ts'
import { aJob } from '../support/job.ts'

const log: EventLog = {
  write: async () => undefined,
  flush: async () => undefined,
  [Symbol.asyncDispose]: async () => undefined,
}

/** Runs an attempt that breaks off with an error; gives the writes and faults that follow. */
async function ending(error: Error, isCancelled = false) {
  const said: string[] = []
  const stop = stopSwitch()
  const say = (word: string) => async () => void said.push(word)
  await executeAttempt({
    job: aJob(),
    log,
    notes: log,
    phases: { current: 'agent' } as Phases,
    stop,
    totalMs: 1000,
    run: () => Promise.reject(error),
    publishPlan: () => ({ state: 'none' }),
    writes: {
      succeed: say('succeed'),
      fail: say('fail'),
      handBack: say('handBack'),
      giveUp: say('giveUp'),
      noteGone: say('noteGone'),
    },
    noticeCancel: async () => {
      if (isCancelled) stop.stop({ kind: 'cancelled' })
    },
    onOurFault: () => said.push('fault'),
  })
  return said
}

const stale = new DrydockError('stale-fence', 'Cannot write: claim 1 no longer holds it')

test('executeAttempt() takes a stale fence for the cancel that made it', async () => {
  expect(await ending(stale, true)).toEqual(['noteGone'])
})

test('executeAttempt() says nothing about an attempt that another has claimed', async () => {
  expect(await ending(stale)).toEqual([])
})

test('executeAttempt() gives an attempt up for a fault of ours', async () => {
  expect(await ending(new Error('bug'))).toEqual(['fault', 'giveUp'])
})
