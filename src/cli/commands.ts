// Every command of `rollpin`, in the order in which --help lists them: run a cluster, watch and check it, take from it.
import type { Command } from "./command.js";
import { cancel } from "./commands/cancel.js";
import { completion } from "./commands/completion.js";
import { demo } from "./commands/demo.js";
import { drain, undrain } from "./commands/drain.js";
import { exportSessions } from "./commands/export.js";
import { fsck } from "./commands/fsck.js";
import { reload } from "./commands/reload.js";
import { serve } from "./commands/serve.js";
import { sessions } from "./commands/sessions.js";
import { show } from "./commands/show.js";
import { sim } from "./commands/sim.js";
import { status } from "./commands/status.js";
import { top } from "./commands/top.js";
import { verify } from "./commands/verify.js";

export const COMMANDS: readonly Command[] = [
	serve,
	reload,
	status,
	top,
	sessions,
	show,
	cancel,
	drain,
	undrain,
	verify,
	demo,
	exportSessions,
	fsck,
	sim,
	completion(() => COMMANDS),
];
