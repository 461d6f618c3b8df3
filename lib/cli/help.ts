/** barchan help, and the texts of --help. */
import { print } from './output.js';
import { usageError } from './usage.js';

const general = `Usage: barchan COMMAND [OPTIONS]

Runs Linux programs as they are in VMX or SVM non-root mode, with every system call passing one gate.

Commands:
  run [OPTIONS] [--] PROGRAM [ARGUMENT]...     run a program
  trace [OPTIONS] [--] PROGRAM [ARGUMENT]...   run a program and show its system calls
  audit [OPTIONS] [--] PROGRAM [ARGUMENT]...   run a program and say what it did
  chaos [OPTIONS] [--] PROGRAM [ARGUMENT]...   run a program some of whose system calls fail, by rules and a seed
  debug [OPTIONS] [--] PROGRAM [ARGUMENT]...   run a program under gdb
  ps [--json]                                  the programs that run now
  policy learn [OPTIONS] [--] PROGRAM ...      run a program and write the narrowest policy for it
  policy show [PROFILE|FILE] [--json]          what a policy lets through, and what it reaches
  harness run|list|show ...                    attack this and other isolations, side by side
  image load|list|remove|prune ...             images that --image has unpacked
  install docker|podman|containerd|cri-o       make "barchan" a runtime of that engine; uninstall undoes it
  doctor [--json]                              check this machine, and say what to do
  help [COMMAND]                               this text, or that of a command
  version                                      the version

Options:
  -h, --help      this text
  -V, --version   the version

Set DEBUG=barchan:* to see what barchan does.
`;

const runOptions = `  -C, --cwd DIR            working directory
  -e, --env NAME=VALUE     set a variable (repeatable); NAME alone takes its value from here
      --clear-env          start from an empty environment
      --timeout MS         end the program after so many milliseconds (exit status 124)
      --argv0 NAME         the program's argv[0]
      --policy NAME        judge its system calls: compat, default, strict, or a JSON file's name
      --device PATH        the KVM device (default /dev/kvm)
      --kill-background    end processes that the program leaves in the background
  -h, --help               this text

Sandbox: without any of these options the program is a plain process, with this user's files and network.
With any of them it gets namespaces of its own, the host's files to read only, no network, no privileges, an
environment with PATH, HOME, LANG and TERM alone, and /tmp in memory.
      --sandbox            that, and nothing else
      --rootfs DIR         show DIR as / instead of the host's root
      --image PATH[:REF]   show an OCI image layout or an archive of docker save as /, and run its program
      --entrypoint PROGRAM instead of the image's own; "" for none
      --image-cache DIR    where images are unpacked (default $XDG_CACHE_HOME/barchan)
      --writable tmpfs|DIR|none             let the root be written: changes go to memory, or to DIR, which keeps
                           them (default: none, but tmpfs with --image)
      --mount SOURCE:TARGET[:rw][:noexec]   show a file or folder of the host there (repeatable)
      --tmpfs TARGET[:SIZE[k|m|g]]          an empty folder in memory (repeatable)
      --net none|loopback|host              network (default none)
      --hostname NAME      host name (default sandbox)
      --user UID:GID       ids inside
      --rlimit NAME=SOFT[:HARD]             resource limit, like nproc=100 (repeatable)
      --limit NAME=VALUE   limit of the whole sandbox (repeatable): memory=256m, cpus=0.5, pids=64, io=10m (or
                           io.read, io.write), openFiles, fileSize, output, disk, wallMs, cpuMs; cgroup=/PARENT
      --allow-weaker NAME  do without it where the host does not have it (repeatable): landlock, sysfs, or one of
                           memory, cpus, pids, io, output, disk, cpuMs
`;

const texts = {
  run: `Usage: barchan run [OPTIONS] [--] PROGRAM [ARGUMENT]...

Runs PROGRAM with this terminal or these pipes. Its exit status, or death by a signal, becomes that of
barchan. When barchan is killed, so are all processes of the program.

Options:
${runOptions}
Exit status: the program's; 2 for a wrong option, 124 after a timeout, 125 when barchan itself fails, 126
when the program cannot be run, 127 when it is not found.
`,
  trace: `Usage: barchan trace [OPTIONS] [--] PROGRAM [ARGUMENT]...

Runs PROGRAM like "barchan run" and writes a line for each system call, to stderr or to a file.

Options:
  -o, --output FILE        write the lines to FILE
${runOptions}
Exit status: as of "barchan run".
`,
  audit: `Usage: barchan audit [OPTIONS] [--] PROGRAM [ARGUMENT]...

Runs PROGRAM like "barchan run", ends what it leaves in the background, and says what it did: programs started; files read,
written, created, deleted; addresses; refused calls with their arguments; how it ended. To stderr, or to a file.

Options:
      --json               as JSON (docs/events.md), in ASCII
      --html FILE          as one page with a timeline, beside --json or -o, or in their place
  -o, --output FILE        write the text or JSON to FILE
${runOptions}
Exit status: as of "barchan run".
`,
  chaos: `Usage: barchan chaos [--seed N] [--preset NAME]... [--rule RULE]... [OPTIONS] [--] PROGRAM [ARGUMENT]...

Runs PROGRAM like "barchan run", while some of its system calls fail, come late, or move fewer bytes. The same seed gives the
same faults again. At the end it says what was injected, to stderr or to a file.

Options:
      --seed N             a whole number; default: a random one, which the report has
      --preset NAME[=P]    rules for a trouble, with probability P (repeatable): eintr, short-io, enomem, enospc, slow
      --rule RULE          CALL[,CALL...]:WHAT[:p=PROBABILITY][:when=WHICH][:on=files|streams] (repeatable)
                           WHAT: fail=ERRNO, shorten, shorten=MOST or delay=MS
                           WHICH of a thread's calls: N, N+, N+STEP, N..M, N..M+STEP, counted from 1
      --rules FILE         the rules of a JSON file (docs/chaos.md)
      --runs N             try N seeds, without input and output, and say which made PROGRAM end otherwise than without
                           faults, with a command for each; exit status 1 if one did, 0 if none
      --json               as JSON (docs/chaos.md), in ASCII
  -o, --output FILE        write the report to FILE
${runOptions}
Exit status: as of "barchan run", but with --runs.
`,
  debug: `Usage: barchan debug [--listen PORT|PATH] [OPTIONS] [--] PROGRAM [ARGUMENT]...

Runs PROGRAM like "barchan run", stopped before its first instruction until gdb comes and lets it go ("target remote ...").

Options:
  -l, --listen PORT|PATH   a TCP port of 127.0.0.1, or a unix socket (default: a free port, which is shown)
${runOptions}
Exit status: as of "barchan run".
`,
  ps: `Usage: barchan ps [--json]

Shows the programs of this user that run under barchan: their process, the one that has started them, age, isolation, policy,
number of processes, command.
`,
  policy: `Usage: barchan policy learn [-o FILE | --into FILE] [OPTIONS] [--] PROGRAM [ARGUMENT]...
       barchan policy show [compat|default|strict|FILE] [--json]

Shows which system calls the policy lets a guest make, and which calls of the host kernel that can cause: the
monitor's own seccomp filter allows no other. FILE is a policy in JSON; without a name: default.

learn runs PROGRAM like "barchan run" and writes the narrowest policy under which it can do the same again, to FILE or to
standard output: its calls, the domains of its sockets, its requests of ioctl and the like, the addresses it connected and
sent to. Look at it, and run it on more than one input: what was not done is not allowed. --into widens the policy in FILE, which an
earlier run has written, by what this run needed; rules that you have added behind its own stay, and decide last.
`,
  harness: `Usage: barchan harness run [OPTIONS] [NAME|FAMILY|GLOB]...
       barchan harness list|show [--json] [NAME|FAMILY|GLOB]...

Builds the attacks of the corpus (docs/attacks.md) with this machine's gcc, runs them in each isolation, and shows in one table
what each stops: the layer of barchan that did, "stopped", how many attempts worked, "inconclusive" where an attack could not show
what it is about, or "-" where it was not run. Without names: all of them. Natively only what is safe is run. Containers are as docker makes them, and need root.

Options:
      --against NAME       native, bwrap, runc, crun, barchan, or barchan:compat, barchan:default, barchan:strict
                           (repeatable; default barchan, which is barchan:default)
      --json               print verdicts, versions, and what was not run, as JSON
      --report FORMAT=FILE write a report of the verdicts (repeatable)
      --jobs N             attacks at a time (default 2)
      --corpus DIR         attacks of your own (corpus/README.md)
  -q, --quiet              show no progress
  -h, --help               this text

Exit status: 0 when barchan contained all, 1 when not, or when something was inconclusive or could not be run in it, 2 for a wrong
option; at a signal 128 and its number when all that runs is ended and removed, at a second one at once.
`,
  image: `Usage: barchan image load PATH[:REF]... [--limit NAME=NUMBER]...
       barchan image list
       barchan image remove ID...
       barchan image prune [--unused-for DAYS]

Unpacks images (OCI image layouts and archives of docker save) ahead of "barchan run --image", lists and removes
them. An image in use is not removed. Limits of load: bytes, entries, ratio, pathBytes, depth, layers.

Options:
      --json               print JSON
      --image-cache DIR    the cache (default $XDG_CACHE_HOME/barchan, or ~/.cache/barchan)
      --owners keep|caller whom files belong to: as the image says (root's default), or this user
      --limit NAME=NUMBER  see above (repeatable)
      --unused-for DAYS    only images that were not used for so long
  -h, --help               this text
`,
  install: `Usage: barchan install docker|podman|containerd|cri-o [--dry-run] [--to DIR] [--root DIR]
       barchan uninstall docker|podman|containerd|cri-o [--dry-run] [--root DIR]

Tells the engine of a runtime named "barchan", which runs containers in VMX or SVM non-root mode on crun or runc, and
writes the policies that the annotation dev.barchan.policy can name. Doing it twice changes nothing.

Options:
      --dry-run            show what would be written
      --to DIR             copy barchan-runtime and barchan-monitor there, and name that folder to the engine
      --root DIR           take DIR for the machine's root, as an installer in a container does
  -h, --help               this text
`,
  doctor: `Usage: barchan doctor [--json] [--device PATH]

Checks whether programs can be run here, and says what to do where not. Exit status 0 when they can, 1 when not.

Options:
      --json               print one JSON object
      --device PATH        the KVM device (default /dev/kvm)
  -h, --help               this text
`,
};

export function help(verb: keyof typeof texts): string {
  return texts[verb];
}

export async function main(args: string[]): Promise<void> {
  const [verb, more] = args;
  if (more !== undefined) usageError(`help: ${JSON.stringify(more)} is not expected`, 'Try: barchan help');
  if (verb === undefined || verb === 'help' || verb === 'version') print(general);
  else if (Object.hasOwn(texts, verb)) print(help(verb as keyof typeof texts));
  else usageError(`help: there is no command ${JSON.stringify(verb)}`, 'Try: barchan help');
}
