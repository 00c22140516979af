/** An object without some of its fields. */
export function without<T extends object, K extends keyof T>(from: T, ...names: readonly K[]): Omit<T, K> {
  const left = Object.entries(from).filter(([name]) => !names.includes(name as K))
  return Object.fromEntries(left) as Omit<T, K>
}
