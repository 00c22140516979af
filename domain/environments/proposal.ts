import type { StarterTask } from './parts.ts'

/** Why something is proposed: what it is, the reason for people, and the file of the repository that said so. */
export type Reason = {
  part: 'image' | 'version' | 'setup' | 'maintenance' | 'verification' | 'note'
  what: string
  why: string
  from: string | null
}

/** What a look into a repository proposes for an environment. Nothing of it is in force before somebody takes it. */
export type Proposal = {
  image: string
  versions: Record<string, string>
  setupScript: string | null
  maintenanceScript: string | null
  verification: string[]
  starterTasks: StarterTask[]
  reasons: Reason[]
}
