import type { Client } from './client.ts'
import { usageError } from './errors.ts'

type Known = { id: string; name: string; email?: string }

/** The person, group or role that is meant by an id, a name or an e-mail. Rejects with exit code 2 for none and for several. */
export function resolveName<T extends Known>(what: string, text: string, all: readonly T[]): T {
  const byId = all.find(({ id }) => id === text)
  if (byId !== undefined) return byId
  const isTheirs = (email: string) => email !== '' && email.toLowerCase() === text.toLowerCase()
  const [found, ...others] = all.filter(({ name, email = '' }) => name === text || isTheirs(email))
  if (found === undefined) throw usageError(`Cannot find ${what} ${JSON.stringify(text)}: see: drydock ${what} list`)
  if (others.length === 0) return found
  const ids = [found, ...others].map(({ id }) => id).join(', ')
  throw usageError(`Cannot tell which ${what} ${JSON.stringify(text)} is: name one by its id, of ${ids}`)
}

export const findUser = async (client: Client, text: string) =>
  resolveName('user', text, (await client.listUsers()).data)
export const findGroup = async (client: Client, text: string) =>
  resolveName('group', text, (await client.listGroups()).data)
export const findRole = async (client: Client, text: string) =>
  resolveName('role', text, (await client.listRoles()).data)
