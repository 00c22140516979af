type Table = ReadonlyMap<string, string>

export type OwnPushes = {
  note: (push: { branch: string; commit: string }) => void
  /**
   * The advertised refs as a mirror that knows `known` should have them: without what was pushed from here lately, but for
   * the branch that is wanted.
   */
  leftOut: (advertised: Table, known: Table, wanted: string) => Table
}

/**
 * A busy repository gets a branch with each task: fetching it back before the next one would cost that one as much as its
 * sandbox does. So what was pushed from here is fetched when it is asked for, with anything else that is new, or when so
 * much time has passed.
 */
const LEFT_OUT_MS = 30_000

export function ownPushes(clock: () => number): OwnPushes {
  const pushes = new Map<string, { commit: string; at: number }>()
  const forget = () => {
    for (const [ref, { at }] of pushes) if (clock() - at >= LEFT_OUT_MS) pushes.delete(ref)
  }
  return {
    note({ branch, commit }) {
      forget()
      pushes.set(`refs/heads/${branch}`, { commit, at: clock() })
    },
    leftOut(advertised, known, wanted) {
      forget()
      if (pushes.size === 0) return advertised
      const table = new Map(advertised)
      for (const [ref, { commit }] of pushes) {
        if (ref === `refs/heads/${wanted}` || table.get(ref) !== commit) continue
        const before = known.get(ref)
        if (before === undefined) table.delete(ref)
        else table.set(ref, before)
      }
      return table
    },
  }
}
