CREATE TABLE "ledger" (
	"sandbox" text NOT NULL,
	"seq" bigint NOT NULL,
	"attempt_id" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"phase" text,
	"layer" text NOT NULL,
	"asked" text,
	"host" text,
	"port" integer,
	"address" text,
	"method" text,
	"path" text,
	"verdict" text NOT NULL,
	"rule" text,
	"reason" text,
	"status" integer,
	"bytes_up" bigint NOT NULL,
	"bytes_down" bigint NOT NULL,
	"ms" double precision,
	"policy_version" bigint NOT NULL,
	CONSTRAINT "ledger_sandbox_seq_pk" PRIMARY KEY("sandbox","seq")
);
--> statement-breakpoint
CREATE TABLE "credentials" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"header" text NOT NULL,
	"sealed_value" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "model_providers" (
	"id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"wire" text NOT NULL,
	"base_url" text NOT NULL,
	"sealed_key" "bytea",
	"key_header" jsonb,
	"internal" boolean DEFAULT false NOT NULL,
	"models" text[] DEFAULT '{}' NOT NULL,
	"features" text[] DEFAULT '{}' NOT NULL,
	"max_output_tokens" integer DEFAULT 32000 NOT NULL,
	"concurrency" integer DEFAULT 8 NOT NULL,
	"idle_ms" integer DEFAULT 300000 NOT NULL,
	"total_ms" integer DEFAULT 1800000 NOT NULL,
	"budget_tokens" bigint,
	"is_default" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "agent_sessions" (
	"attempt_id" text PRIMARY KEY NOT NULL,
	"task_id" text NOT NULL,
	"agent" text NOT NULL,
	"version" text NOT NULL,
	"session_id" text NOT NULL,
	"sealed_archive" "bytea" NOT NULL,
	"size" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "turn_images" (
	"turn_id" text NOT NULL,
	"n" integer NOT NULL,
	"media_type" text NOT NULL,
	"bytes" "bytea" NOT NULL,
	CONSTRAINT "turn_images_turn_id_n_pk" PRIMARY KEY("turn_id","n")
);
--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "agent_version" text;--> statement-breakpoint
ALTER TABLE "environments" ADD COLUMN "model" text;--> statement-breakpoint
ALTER TABLE "environments" ADD COLUMN "provider" text;--> statement-breakpoint
ALTER TABLE "environments" ADD COLUMN "budget_tokens" bigint;--> statement-breakpoint
ALTER TABLE "turns" ADD COLUMN "base_attempt_id" text;--> statement-breakpoint
ALTER TABLE "ledger" ADD CONSTRAINT "ledger_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_sessions" ADD CONSTRAINT "agent_sessions_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_sessions" ADD CONSTRAINT "agent_sessions_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "turn_images" ADD CONSTRAINT "turn_images_turn_id_turns_id_fk" FOREIGN KEY ("turn_id") REFERENCES "public"."turns"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "ledger_by_attempt" ON "ledger" USING btree ("attempt_id","at","sandbox","seq");--> statement-breakpoint
CREATE UNIQUE INDEX "credentials_name" ON "credentials" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX "model_providers_name" ON "model_providers" USING btree ("name");--> statement-breakpoint
CREATE UNIQUE INDEX "model_providers_default" ON "model_providers" USING btree ("wire") WHERE is_default;