/** A list with something in it. */
export type NonEmpty<T> = readonly [T, ...T[]]

/** What a piece of work makes of each of a list, one after the other: of a list with something in it, another such list. */
export async function eachInTurn<T, U>(
  [first, ...others]: NonEmpty<T>,
  work: (one: T) => Promise<U>,
): Promise<NonEmpty<U>> {
  const done: [U, ...U[]] = [await work(first)]
  for (const other of others) done.push(await work(other))
  return done
}
