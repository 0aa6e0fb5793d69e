/**
 * A script for `sh` that runs a command as long as somebody holds its standard input and is heard there, and ends all that is left
 * of it otherwise: first by SIGTERM, then, when it has had time to leave in order, by SIGKILL. So it holds for a launcher that
 * was killed, and for a line to another machine that broke or is silent. Whatever the command started ends with it.
 *
 * Parameters: the folder, the command, seconds to leave in order, seconds that the input may be silent (`HEARTBEAT`).
 * It ends with the command's exit code, 128 + the signal's number where a signal ended it, `NO_FOLDER`.
 */
export const ATTENDANT = `
cd "$1" || exit 97
exec 3<&0 </dev/null
own= patience= all=
command -v setsid >/dev/null && own=setsid all=-
command -v timeout >/dev/null && patience="timeout $4"
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
exit $code
`.trim();

/** The folder that the command is to run in is not there. */
export const NO_FOLDER = 97;
/** How often whoever holds the input must be heard there, by any byte. */
export const HEARTBEAT_MS = 15_000;
const SILENCE_SECONDS = 60;

/** @param leaveSeconds for the command to leave in order */
export function attended(folder: string, command: string, leaveSeconds: number): string[] {
  return ['fedloom', folder, command, `${leaveSeconds}`, `${SILENCE_SECONDS}`];
}
