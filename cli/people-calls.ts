import type { UserJson } from '../api/schemas/people.ts'
import type { Caller } from './client.ts'
import { CliError, usageError } from './errors.ts'
import { segment } from './segment.ts'

/** What is asked about people's data. */
export function peopleCalls(call: Caller, signal: AbortSignal) {
  return {
    /** Finds one by id, or by e-mail where only one has it. */
    findPerson: async (wanted: string): Promise<UserJson> => {
      const { data } = (await (await call({ path: '/users' }, signal)).json()) as { data: UserJson[] }
      const found = data.filter(({ id, email }) => id === wanted || email.toLowerCase() === wanted.toLowerCase())
      const [person, another] = found
      if (person === undefined)
        throw usageError(`Cannot find "${wanted}": nobody has that id or e-mail`, 'user-not-found')
      if (another === undefined) return person
      const ids = found.map(({ id }) => id).join(', ')
      throw usageError(`Cannot tell who "${wanted}" is: ${found.length} have that e-mail. Name one by id: ${ids}`)
    },
    exportPerson: async (id: string) => {
      const { body } = await call({ path: `/users/${segment(id)}/export` }, signal)
      if (body === null) throw new CliError('internal', 'Cannot export the person: the answer has no body')
      return body
    },
    deletePerson: async (id: string) => {
      await call({ method: 'DELETE', path: `/users/${segment(id)}` }, signal)
    },
  }
}
