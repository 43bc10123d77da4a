/** The parts of the manual page that are written by hand, in roff: man(7). */

/** The sections before the commands. */
export const DESCRIPTION = String.raw`
.SH DESCRIPTION
An \fIagent\fR is a program that the kernel module \fBswarm_guard\fR confines, with all its descendants: it has limits
on memory, CPU time and processes, namespaces and user ids of its own, and rules on devices, system calls, sockets and
programs. \fBswarmctl\fR starts agents, shows them, changes them and ends them.
.PP
An agent is named by its id, or by its name if no other agent has the same one. Ids are never used again.
.PP
Most commands need root, outside agents and containers; \fBstatus\fR, \fBls \-q\fR and \fBdoctor\fR work for everybody.
If something does not work, run \fBswarmctl doctor\fR.
.PP
A command that takes over two seconds says so on standard error, if that is a terminal, in a line that is erased at
its end.
`;

/** The sections after the commands. */
export const AFTER = String.raw`
.SH EXIT STATUS
.TP
\fB0\fR
It has worked.
.TP
\fB1\fR
The kernel, or \fBswarmctl\fR itself, has refused it. Of \fBdoctor\fR: agents cannot run here.
.TP
\fB125\fR
The command line is wrong. Of \fBrun\fR and \fBexec\fR also: the agent was refused.
.PP
\fBrun\fR and \fBexec\fR exit as the program does, except:
.TP
\fB124\fR
The time of \fB\-\-timeout\fR was over.
.TP
\fB126\fR
The program cannot be executed; or there is no process for it, for lack of memory or because of a limit; or the agent
could not be confined and was killed before it ran.
.TP
\fB127\fR
There is no such program.
.TP
\fB128\fR + \fIn\fR
Signal \fIn\fR has killed the program: 137 is SIGKILL, which is also how the kernel ends an agent that runs out of
memory. A line on standard error says so.
.SH ENVIRONMENT
.TP
\fBNO_COLOR\fR
If it is not empty, nothing is coloured. Colours are for terminals alone in any case.
.SH FILES
.TP
\fI/proc/swarm\fR
The interface of the module. Each file has a page in \fIdocs/abi\fR.
.TP
\fI/sys/module/swarm_guard/parameters\fR
The parameters that the module was loaded with.
.SH EXAMPLES
Run a shell with 256 MiB of memory, a quarter of a CPU and at most 50 processes:
.PP
.RS 4
.EX
swarmctl run \-it \-\-memory 256m \-\-cpus 0.25 \-\-pids\-limit 50 bash
.EE
.RE
.PP
Start a service without network, and see what it was denied:
.PP
.RS 4
.EX
swarmctl run \-d \-\-name web \-\-network none /usr/local/bin/service
swarmctl events \-f \-\-filter event=violation
.EE
.RE
.PP
List the agents whose name begins with \fIweb\fR, and end them:
.PP
.RS 4
.EX
swarmctl ls \-f \(aqname=web*\(aq
swarmctl stop $(swarmctl ls \-q \-f \(aqname=web*\(aq)
.EE
.RE
.PP
Complete commands, options and agents in bash:
.PP
.RS 4
.EX
source <(swarmctl completion bash)
.EE
.RE
.PP
Let Prometheus read the metrics of the module, and those of a hundred agents:
.PP
.RS 4
.EX
swarmctl export \-\-listen 127.0.0.1:9464 \-\-agents 100
.EE
.RE
.SH SEE ALSO
.BR capabilities (7),
.BR cgroups (7),
.BR namespaces (7)
`;
