package streams

import "testing"

// Servers before 2.11 would refuse a bucket whose keys end by themselves.
func TestBucketDefinitions_OlderServersHaveNoTimeToLive(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"2.10.29": false, "2.11.0": true, "2.15.2": true} {
		for _, d := range bucketDefinitions(3, version) {
			if d.Replicas != 3 {
				t.Errorf("%s: %d replicas", d.Name, d.Replicas)
			}
			if outbound := d.Name == bucketStream(OutboundBucket); d.AllowMsgTTL != (outbound && want) || d.SubjectDeleteMarkerTTL > 0 != d.AllowMsgTTL {
				t.Errorf("%s on %s: message ttl %t, marker ttl %v", d.Name, version, d.AllowMsgTTL, d.SubjectDeleteMarkerTTL)
			}
		}
	}
}

// What a newer server gave cannot be taken, and is left.
func TestCompareBucket_TimeToLiveStays(t *testing.T) {
	t.Parallel()
	is, want := bucketDefinitions(1, "2.15.2")[0], bucketDefinitions(1, "2.10.29")[0]
	diffs, repaired := compareBucket(&is, &want)
	if len(diffs) != 0 || !repaired.AllowMsgTTL {
		t.Errorf("differences are %v", diffs)
	}
}
