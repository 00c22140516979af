// Both scripts run inside a sandbox as the agent's user, with what images have: sh, tar, find and other small tools. What
// they look at is the agent's work, and hostile at worst. What the first says is not believed: its output is capped where
// it arrives, and checked where it is unpacked.

/** How they end when not well: nothing to keep, something else than a session, no tar. */
export const ENDS = { nothing: 3, refused: 4, noTar: 5 } as const

const BEGIN = `
set -u
umask 077
export PATH="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH" LC_ALL=C
command -v tar >/dev/null 2>&1 || exit ${ENDS.noTar}
cd /agent-home || exit 1
entries=$1 kib=$2
shift 2
`

/** Arguments: the most entries, the most KiB, the paths to keep below the home. Writes one archive to standard output. */
export const PACK = `${BEGIN}
n=$#
while [ "$n" -gt 0 ]; do
  path=$1
  shift
  n=$((n - 1))
  if [ -e "$path" ] && [ ! -L "$path" ]; then set -- "$@" "$path"; fi
done
[ "$#" -gt 0 ] || exit ${ENDS.nothing}
# A link, a socket: no part of a session, and refused where it would be unpacked.
find "$@" ! -type d ! -type f -exec rm -f {} + || exit 1
[ "$(find "$@" | wc -l)" -le "$entries" ] || exit ${ENDS.refused}
[ "$(du -skc "$@" | tail -n 1 | cut -f 1)" -le "$kib" ] || exit ${ENDS.refused}
exec tar -cf - "$@"
`

/**
 * Arguments: the most entries, the most KiB, the paths that may come. Reads an archive from standard input, looks at its
 * list, unpacks it into a folder of its own, looks again, and moves the paths into place. Leaves the home as it was when
 * it refuses.
 */
export const UNPACK = `${BEGIN}
new=.drydock-session
trap 'rm -rf "$new" "$new.tar" "$new.list"' EXIT
rm -rf "$new"
mkdir "$new" && cat > "$new.tar" || exit 1
# tar would unpack a compressed archive, too, and nobody knows how large that becomes. All that is kept begins with a dot.
[ "$(head -c 1 "$new.tar" | tr -d '\\000')" = . ] || exit ${ENDS.refused}
tar -tvf "$new.tar" > "$new.list" 2>/dev/null || exit ${ENDS.refused}
[ "$(wc -l < "$new.list")" -le "$entries" ] || exit ${ENDS.refused}
# Files and folders only: through a link the next entry would go elsewhere.
if grep -v '^[-d]' "$new.list" >/dev/null; then exit ${ENDS.refused}; fi
tar -tf "$new.tar" > "$new.list" 2>/dev/null || exit ${ENDS.refused}
if grep -e '^\\.\\./' -e '/\\.\\./' -e '/\\.\\.$' -e '^\\.\\.$' "$new.list" >/dev/null; then exit ${ENDS.refused}; fi
while IFS= read -r name; do
  # tar writes a line end in a name, and what else it does not show, with a backslash.
  case $name in *\\\\*) exit ${ENDS.refused} ;; esac
  known=no
  for path in "$@"; do
    case $name in "$path" | "$path"/*) known=yes ;; esac
  done
  [ "$known" = yes ] || exit ${ENDS.refused}
done < "$new.list"
# A file with holes is small in an archive only. Blocks are of 512 bytes, in some shells of 1024.
ulimit -f $((kib * 2)) 2>/dev/null
tar -xf "$new.tar" -C "$new" --no-same-owner 2>/dev/null || tar -xf "$new.tar" -C "$new" -o 2>/dev/null || exit ${ENDS.refused}
[ -z "$(find "$new" ! -type d ! -type f)" ] && [ -z "$(find "$new" -type f -links +1)" ] || exit ${ENDS.refused}
chmod -R u+rwX,go-rwx "$new" || exit 1
for path in "$@"; do
  [ -e "$new/$path" ] || continue
  rm -rf "$path" && mkdir -p "$(dirname "$path")" && mv "$new/$path" "$path" || exit 1
done
`
