-- Who queues an attempt must not wait for everybody else who does: the row that counts a user's attempts is locked until a
-- commit is on disk, so those of one user came one after the other. Whoever claims counts what has arrived.
CREATE TABLE "load_arrivals" (
	"attempt_id" text PRIMARY KEY NOT NULL,
	"user_id" text NOT NULL,
	"environment_id" text NOT NULL
);
--> statement-breakpoint
CREATE FUNCTION attempts_arrive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO load_arrivals (attempt_id, user_id, environment_id) VALUES (NEW.id, NEW.user_id, NEW.environment_id);
	RETURN NULL;
END $$;
--> statement-breakpoint
DROP TRIGGER attempts_load ON attempts;
--> statement-breakpoint
CREATE TRIGGER attempts_load AFTER DELETE OR UPDATE OF state ON attempts
	FOR EACH ROW EXECUTE FUNCTION attempts_count_load();
--> statement-breakpoint
CREATE TRIGGER attempts_load_made AFTER INSERT ON attempts
	FOR EACH ROW WHEN (NEW.state <> 'queued') EXECUTE FUNCTION attempts_count_load();
--> statement-breakpoint
CREATE TRIGGER attempts_load_queued AFTER INSERT ON attempts
	FOR EACH ROW WHEN (NEW.state = 'queued') EXECUTE FUNCTION attempts_arrive();
