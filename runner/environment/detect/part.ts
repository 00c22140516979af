import type { Language } from '../../../domain/environments/toolchains.ts'

/** One command of a script, and why it is there. It runs in the project's folder. */
export type Step = {
  run: string
  why: string
  /** The file that said so, from the repository's root. */
  from: string
  /** True where it is the same for every folder. */
  anywhere?: true
  /** What to run where the manifests have changed since; absent: the same. */
  again?: string
}

/** What a person should know that is no command. */
export type Note = { what: string; why: string; from: string }

/** A version that a file asks for. */
export type WantedVersion = { language: Language; version: string; from: string }

/** What one language of one folder needs. */
export type Part = {
  language: string
  setup: readonly Step[]
  verification: readonly Step[]
  versions: readonly WantedVersion[]
  notes: readonly Note[]
  /** Files that decide what set-up installs: when they change, it is done again. From the repository's root. */
  manifests: readonly string[]
  /** True where sub folders with the same language belong to this project. */
  coversBelow: boolean
}

/** A part with nothing in it, to begin with. */
export const emptyPart = (language: string) => ({
  language,
  setup: [] as Step[],
  verification: [] as Step[],
  versions: [] as WantedVersion[],
  notes: [] as Note[],
  manifests: [] as string[],
  coversBelow: false,
})
export type OpenPart = ReturnType<typeof emptyPart>
