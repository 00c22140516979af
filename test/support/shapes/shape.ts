/** A small repository whose tests pass, and what the detector is to propose for it. */
export type Shape = {
  name: string
  files: Readonly<Record<string, string>>
  verification: readonly string[]
  /** Lines that the setup script has; none: there is no setup script. */
  setup: readonly string[]
  versions?: Readonly<Record<string, string>>
  /** Of reasons that are there: what, and the file. */
  reasons?: readonly { what: string; from: string | null }[]
}

export const json = (value: unknown) => `${JSON.stringify(value, null, 2)}\n`
