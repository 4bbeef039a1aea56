-- Changes of partitioned tables come under the name of their root, whose policies decide who sees them.
alter publication supabase_realtime set (publish_via_partition_root = true);
