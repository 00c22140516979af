CREATE TABLE "model_usage" (
	"sandbox" text NOT NULL,
	"seq" bigint NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"user_id" text NOT NULL,
	"product" text NOT NULL,
	"attempt_id" text,
	"provider" text,
	"model" text,
	"verdict" text NOT NULL,
	"reason" text,
	"status" integer,
	"input_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"ms" double precision,
	CONSTRAINT "model_usage_sandbox_seq_pk" PRIMARY KEY("sandbox","seq")
);
--> statement-breakpoint
ALTER TABLE "model_usage" ADD CONSTRAINT "model_usage_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_usage" ADD CONSTRAINT "model_usage_attempt_id_attempts_id_fk" FOREIGN KEY ("attempt_id") REFERENCES "public"."attempts"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "model_usage_by_user" ON "model_usage" USING btree ("user_id","at");--> statement-breakpoint
CREATE INDEX "model_usage_by_time" ON "model_usage" USING btree ("at");--> statement-breakpoint
CREATE INDEX "model_usage_by_attempt" ON "model_usage" USING btree ("attempt_id") WHERE attempt_id is not null;
