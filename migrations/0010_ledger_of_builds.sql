ALTER TABLE "ledger" ALTER COLUMN "attempt_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "ledger" ADD COLUMN "environment_id" text;--> statement-breakpoint
ALTER TABLE "ledger" ADD COLUMN "build" text;--> statement-breakpoint
ALTER TABLE "ledger" ADD CONSTRAINT "ledger_environment_id_environments_id_fk" FOREIGN KEY ("environment_id") REFERENCES "public"."environments"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "ledger_by_environment" ON "ledger" USING btree ("environment_id","at","sandbox","seq") WHERE environment_id is not null;--> statement-breakpoint
ALTER TABLE "ledger" ADD CONSTRAINT "ledger_owner" CHECK ((attempt_id is null) <> (environment_id is null));