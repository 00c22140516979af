/** A task that a newcomer to an environment may begin with. */
export type StarterTask = { title: string; prompt: string }

/** A container beside the sandbox, on its network: `name` is its host name there. */
export type Service = {
  name: string
  image: string
  env?: Record<string, string>
  /** In place of the image's own. */
  command?: string[]
  /** Where it listens; absent: where its image says. */
  port?: number
}
