import { expect, test } from 'vitest'
import { createLogger } from '../../bin/logger.ts'

/** As drizzle makes them: with the values in the message, and as properties. */
function failedStatement(values: unknown[]): Error {
  const error = new Error(`Failed query: insert into x\nparams: ${values.join()}`, { cause: new Error('disk full') })
  return Object.assign(error, { query: 'insert into x', params: values })
}

function logged(error: unknown): string {
  let line = ''
  createLogger({ level: 'info', role: 'all' }, { write: (text) => void (line = text) }).error(
    { err: error },
    'It failed',
  )
  return line
}

test('createLogger() writes no value of a statement that failed, however deep it lies', () => {
  const secret = 'a prompt\n    at nowhere'
  const error = failedStatement([secret, Buffer.alloc(1024 * 1024, 7)])
  for (const given of [error, new Error('outer', { cause: error })]) {
    const line = logged(given)
    expect(line).not.toContain('a prompt')
    expect(line.length).toBeLessThan(20_000)
    expect(line).toContain('insert into x')
    expect(line).toContain('disk full')
  }
})

test('createLogger() says what, where and why of any other error', () => {
  const error = Object.assign(new TypeError('no such thing'), { code: 'ENOENT' })
  expect(JSON.parse(logged(error))).toMatchObject({
    msg: 'It failed',
    role: 'all',
    err: { type: 'TypeError', message: 'no such thing', code: 'ENOENT', stack: expect.stringMatching(/^at .*logger/) },
  })
  expect(JSON.parse(logged('only words'))).toMatchObject({ err: { message: 'only words' } })
})
