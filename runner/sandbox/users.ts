/** Whom commands of a sandbox run as. Ids are numbers: the image may not know the user. */
export const USERS = {
  root: { uid: 0, home: '/root' },
  agent: { uid: 1000, home: '/agent-home' },
} as const
