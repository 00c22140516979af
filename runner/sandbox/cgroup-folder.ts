/**
 * Where the kernel keeps what it knows of a process's container, from its `/proc/PID/cgroup`. Lines are
 * `hierarchy:controllers:path`; the unified hierarchy (v2) is number 0 and has no controllers.
 */
export function cgroupFolder(membership: string, controller: string): string | undefined {
  const lines = membership.split('\n').map((line) => line.split(':'))
  const v1 = lines.find(([, controllers]) => controllers?.split(',').includes(controller))
  if (v1?.[2] !== undefined) return `/sys/fs/cgroup/${controller}${v1[2]}`
  const v2 = lines.find(([hierarchy]) => hierarchy === '0')
  return v2?.[2] === undefined ? undefined : `/sys/fs/cgroup${v2[2]}`
}
