package healing

import (
	"testing"
	"time"

	"rosey/streams"
	"rosey/streams/streamstest"
)

// leader names the server that leads the stream, "" while nobody does.
func (r *rig) leader() string {
	s, err := r.direct.JetStream().Stream(r.t.Context(), streams.StreamName)
	if err != nil || s.CachedInfo().Cluster == nil {
		return ""
	}
	return s.CachedInfo().Cluster.Leader
}

// stepDown asks a leader to make room for another.
func (r *rig) stepDown(what string) {
	r.t.Helper()
	r.until("the leader of "+what+" steps down", func() bool {
		_, err := r.direct.NATS().Request("$JS.API."+what, nil, time.Second)
		return err == nil
	})
}

// goesOn waits until new lines get from the channel into the tables.
func (r *rig) goesOn() {
	r.t.Helper()
	want := int64(r.lines()) + 20
	r.until("new lines are in the tables", func() bool {
		return r.number("SELECT count(*) FROM chat_messages WHERE notice = ''") >= want
	})
}

// whole waits until every server of the cluster holds all there is.
func (r *rig) whole(cluster *streamstest.Cluster) {
	r.t.Helper()
	r.until("every server is current", func() bool { return cluster.Healthy(r.t.Context()) == nil })
}

// A stream kept by three servers goes on through everything that leaves two of
// them, and comes back after what leaves none.
func TestInstallation_ClusterChangesItsLeaders(t *testing.T) {
	t.Parallel()
	cluster := streamstest.NewCluster(t)
	o := at(cluster.URLs()...)
	o.stream.Replicas = 3
	r := newRig(t, o)
	consumer, err := streams.ConsumerName("main")
	if err != nil {
		t.Fatal(err)
	}
	quiet := r.talk()
	r.goesOn()
	r.stepDown("STREAM.LEADER.STEPDOWN." + streams.StreamName)
	r.goesOn()
	r.stepDown("CONSUMER.LEADER.STEPDOWN." + streams.StreamName + "." + consumer)
	r.goesOn()

	r.whole(cluster)
	var name string
	r.until("the stream has a leader", func() bool { name = r.leader(); return name != "" })
	killed := cluster.Server(name)
	killed.Kill()
	r.goesOn()
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	r.goesOn()

	r.whole(cluster)
	cluster.Kill()
	lines := r.lines()
	r.until("people talk while there is no cluster", func() bool { return r.lines() > lines+100 })
	if err := cluster.Start(); err != nil {
		t.Fatal(err)
	}
	r.goesOn()
	quiet()
	r.check()
}
