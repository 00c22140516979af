CREATE TABLE "forge_logins" (
	"user_id" text NOT NULL,
	"host" text NOT NULL,
	"login" text NOT NULL,
	"account_id" bigint NOT NULL,
	"verified_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "forge_logins_user_id_host_pk" PRIMARY KEY("user_id","host")
);
--> statement-breakpoint
ALTER TABLE "forge_logins" ADD CONSTRAINT "forge_logins_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "forge_logins_account" ON "forge_logins" USING btree ("host","account_id");--> statement-breakpoint
ALTER TABLE "attempts" ADD COLUMN "publish_by" text;--> statement-breakpoint
-- Environments that were there go on as they did: nobody can have linked a login yet.
ALTER TABLE "environments" ADD COLUMN "publish_unlinked" boolean DEFAULT true NOT NULL;
