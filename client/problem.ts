import type { components } from './schema.ts'

type Problem = components['schemas']['Problem']

/** What the server says that is wrong: `code` is for programs, the message for people. */
export class ApiProblem extends Error {
  override name = 'ApiProblem'
  readonly code: string
  readonly status: number

  constructor({ code, detail, status }: Pick<Problem, 'code' | 'detail' | 'status'>) {
    super(detail)
    this.code = code
    this.status = status
  }
}

type Answer<T> = { data?: T; error?: unknown; response: Response }

/** What an answer brought. Throws `ApiProblem` where it is a refusal. */
export function dataOf<T>({ data, error, response }: Answer<T>): T {
  if (data !== undefined) return data
  throw new ApiProblem({ ...unreadable(response), ...(isProblem(error) && error) })
}

const isProblem = (error: unknown): error is Problem =>
  typeof error === 'object' && error !== null && 'code' in error && 'detail' in error

const unreadable = ({ status }: Response) => ({
  ...{ code: 'internal', status },
  detail: `Cannot read the server's answer: it has status ${status}, and is not Drydock's`,
})
