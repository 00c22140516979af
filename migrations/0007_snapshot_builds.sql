CREATE TABLE "cache_orders" (
	"environment_id" text PRIMARY KEY NOT NULL,
	"reset_by" text,
	"reset_at" timestamp with time zone,
	"refresh_by" text,
	"refresh_at" timestamp with time zone
);
--> statement-breakpoint
ALTER TABLE "snapshot_builds" ADD COLUMN "build" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "snapshot_builds" ADD COLUMN "state" text DEFAULT 'running' NOT NULL;--> statement-breakpoint
ALTER TABLE "snapshot_builds" ADD COLUMN "cause" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "snapshot_builds" ADD COLUMN "reason" text;--> statement-breakpoint
ALTER TABLE "snapshot_builds" ADD COLUMN "message" text;--> statement-breakpoint
ALTER TABLE "snapshot_builds" ADD COLUMN "output" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "snapshot_builds" ADD COLUMN "finished_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "snapshots" ADD COLUMN "removed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "snapshots" ADD COLUMN "removed_because" text;--> statement-breakpoint
ALTER TABLE "cache_orders" ADD CONSTRAINT "cache_orders_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
-- Made before it was noted whose engine has the image: the sweep removes what no row names.
DELETE FROM "snapshots" WHERE "host_id" = '';
