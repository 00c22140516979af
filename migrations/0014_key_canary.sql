CREATE TABLE "key_canary" (
	"id" text PRIMARY KEY NOT NULL,
	"sealed_text" "bytea" NOT NULL
);
