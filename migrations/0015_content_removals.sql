CREATE TABLE "content_removals" (
	"task_id" text NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"why" text NOT NULL,
	"after" integer,
	"done_at" timestamp with time zone,
	CONSTRAINT "content_removals_task_id_kind_pk" PRIMARY KEY("task_id","kind")
);
--> statement-breakpoint
CREATE TABLE "stale_trees" (
	"host_id" text NOT NULL,
	"tree" text NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "stale_trees_host_id_tree_pk" PRIMARY KEY("host_id","tree")
);
--> statement-breakpoint
ALTER TABLE "content_removals" ADD CONSTRAINT "content_removals_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "content_removals_left" ON "content_removals" USING btree ("at") WHERE done_at is null;--> statement-breakpoint
CREATE INDEX "ledger_of_builds_by_time" ON "ledger" USING btree ("at") WHERE environment_id is not null;
