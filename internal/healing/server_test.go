package healing

import (
	"testing"

	"rosey/streams"
	"rosey/streams/streamstest"
)

func TestProjector_ConsumerDeletedAgainAndAgain(t *testing.T) {
	t.Parallel()
	_, o := embeddedEnv(t)
	r := newRig(t, o)
	name, err := streams.ConsumerName("main")
	if err != nil {
		t.Fatal(err)
	}
	quiet := r.talk()
	for range 5 {
		before := r.proj.Status().Checkpoint.Seq
		r.until("the consumer is deleted", func() bool {
			return r.direct.JetStream().DeleteConsumer(t.Context(), streams.StreamName, name) == nil
		})
		r.until("the projection goes on", func() bool { return r.proj.Status().Checkpoint.Seq > before+20 })
	}
	quiet()
	r.check()
}

func TestInstallation_EmbeddedServerRestarted(t *testing.T) {
	t.Parallel()
	env, o := embeddedEnv(t, streamstest.WithSync())
	r := newRig(t, o)
	quiet := r.talk()
	for range 4 {
		before := r.proj.Status().Checkpoint.Seq
		if err := env.Server.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.until("the projection goes on", func() bool { return r.proj.Status().Checkpoint.Seq > before+50 })
	}
	quiet()
	r.check()
}

func TestInstallation_ServerProcessKilled(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	r := newRig(t, at(server.URL()))
	quiet := r.talk()
	for i := range 4 {
		before := r.proj.Status().Checkpoint.Seq
		server.Kill()
		if i%2 == 1 {
			// Long enough for every attempt of the bot and the projector to fail.
			lines := r.lines()
			r.until("people talk while there is no server", func() bool { return r.lines() > lines+50 })
		}
		if err := server.Start(); err != nil {
			t.Fatal(err)
		}
		r.until("the projection goes on", func() bool { return r.proj.Status().Checkpoint.Seq > before+50 })
	}
	quiet()
	r.check()
}

// What an operator sees while the server is away is the reason, not silence.
func TestInstallation_OutageShows(t *testing.T) {
	t.Parallel()
	server := streamstest.ExternalServer(t, streamstest.ExternalOptions{})
	r := newRig(t, at(server.URL()))
	r.say(20)
	r.caughtUp()
	server.Kill()
	r.say(20)
	r.until("both parts tell of the outage", func() bool {
		return r.bot.Status().Failing != nil && r.proj.Status().Trouble != nil
	})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	r.say(20)
	r.caughtUp()
	r.until("the trouble is over", func() bool {
		return r.bot.Status().Failing == nil && r.proj.Status().Trouble == nil
	})
	r.check()
}
