CREATE TABLE "ledger_hosts" (
	"attempt_id" text NOT NULL,
	"verdict" text NOT NULL,
	"host" text NOT NULL,
	"rule" text NOT NULL,
	"reason" text NOT NULL,
	"requests" bigint NOT NULL,
	"bytes_up" bigint NOT NULL,
	"bytes_down" bigint NOT NULL,
	"first" timestamp with time zone NOT NULL,
	"last" timestamp with time zone NOT NULL,
	CONSTRAINT "ledger_hosts_attempt_id_verdict_host_rule_reason_pk" PRIMARY KEY("attempt_id","verdict","host","rule","reason")
);
--> statement-breakpoint
CREATE TABLE "ledger_totals" (
	"attempt_id" text NOT NULL,
	"verdict" text NOT NULL,
	"requests" bigint NOT NULL,
	"bytes_up" bigint NOT NULL,
	"bytes_down" bigint NOT NULL,
	"rows" integer NOT NULL,
	CONSTRAINT "ledger_totals_attempt_id_verdict_pk" PRIMARY KEY("attempt_id","verdict")
);
--> statement-breakpoint
ALTER TABLE "ledger_hosts" ADD CONSTRAINT "ledger_hosts_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "ledger_totals" ADD CONSTRAINT "ledger_totals_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE cascade ON UPDATE no action;