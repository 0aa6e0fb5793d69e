/**
 * A script for `sh` that runs a command as long as somebody holds its standard input and is heard there, and ends all that is left
 * of it otherwise: first by SIGTERM, then, when it has had time to leave in order, by SIGKILL. So it holds for a launcher that
 * was killed, and for a line to another machine that broke or is silent. Whatever the command started ends with it.
 *
 * What nobody else on the host may read comes first over the input: files for the command alone, in a folder `$FEDLOOM_PRIVATE` that is
 * gone when the command has ended.
 *
 * Parameters: the folder, the command, seconds to leave in order, names and sizes of these files (`a:120 b:3`), seconds that the input
 * may be silent (`HEARTBEAT`). It ends with the command's exit code, 128 + the signal's number where a signal ended it, `NO_FOLDER`,
 * `NO_PRIVATE_FOLDER`.
 */
export const ATTENDANT = `
cd "$1" || exit 97
exec 3<&0 </dev/null
own= patience= all= private=
if [ -n "$4" ]; then
  for parent in "$XDG_RUNTIME_DIR" "\${TMPDIR:-/tmp}"; do
    [ -n "$private" ] || [ -z "$parent" ] || private=$(mktemp -d "$parent/fedloom-XXXXXXXXXX" 2>/dev/null)
  done
  [ -n "$private" ] || exit 96
  for file in $4; do
    (umask 077 && dd bs=1 count="\${file#*:}" of="$private/\${file%:*}" <&3 2>/dev/null)
  done
  export FEDLOOM_PRIVATE="$private"
fi
command -v setsid >/dev/null && own=setsid all=-
command -v timeout >/dev/null && patience="timeout $5"
$own sh -c "$2" 3<&- & part=$!
{
  while [ -n "$($patience dd bs=1 count=1 <&3)" ]; do :; done
  kill -TERM $all$part
  trap 'kill $!; exit' TERM
  sleep "$3" 3<&- & wait $!
  kill -KILL $all$part
} >/dev/null 2>&1 & watch=$!
exec 3<&-
{ wait $part; } 2>/dev/null
code=$?
{
  kill $watch
  if [ -n "$all" ]; then
    [ $code -eq 143 ] || kill -TERM $all$part
    for tenth in $(seq "$3"0); do
      kill -0 $all$part || break
      sleep 0.1
    done
    kill -KILL $all$part
  fi
} 2>/dev/null
[ -z "$private" ] || rm -rf "$private"
exit $code
`.trim();

/** The folder that the command is to run in is not there. */
export const NO_FOLDER = 97;
/** There is no place for files that nobody else may read. */
export const NO_PRIVATE_FOLDER = 96;
/** How often whoever holds the input must be heard there, by any byte. */
export const HEARTBEAT_MS = 15_000;
const SILENCE_SECONDS = 60;

/** A file that is for a command alone, and for as long as it runs. */
export interface PrivateFile {
  /** Letters, digits, `.` and `-`. */
  readonly name: string;
  readonly text: string;
}

/**
 * @param leaveSeconds for the command to leave in order
 * @param files to be written to its input first, in this order
 */
export function attended(
  folder: string,
  command: string,
  leaveSeconds: number,
  files: readonly PrivateFile[] = [],
): string[] {
  const sizes = files.map(({ name, text }) => `${name}:${Buffer.byteLength(text)}`);
  return ['fedloom', folder, command, `${leaveSeconds}`, sizes.join(' '), `${SILENCE_SECONDS}`];
}

/** A private file's path, as the shell of its command reads it. */
export function privatePath(name: string): string {
  return `"$FEDLOOM_PRIVATE/${name}"`;
}
