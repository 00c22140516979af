CREATE TABLE "change_patches" (
	"attempt_id" text NOT NULL,
	"name" text NOT NULL,
	"patch" "bytea" NOT NULL,
	CONSTRAINT "change_patches_attempt_id_name_pk" PRIMARY KEY("attempt_id","name")
);
--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "changes" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "environments" ADD COLUMN "repositories" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "change_patches" ADD CONSTRAINT "change_patches_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE cascade ON UPDATE no action;