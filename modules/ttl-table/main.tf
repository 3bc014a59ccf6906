locals {
  keys = [
    for key in concat(
      [var.hash_key, var.range_key],
      flatten([for index in var.indexes : [index.hash_key, index.range_key]]),
      [for index in var.local_indexes : index.range_key],
    ) : key if key != null
  ]
  attributes = distinct([for key in local.keys : { name = key.name, type = key.type }])

  provisioned = var.billing.provisioned != null
  limits = !local.provisioned ? {} : {
    for name, index in var.indexes : name => index.provisioned == null ? var.billing.provisioned : index.provisioned
  }
}

# Auto scaling owns the capacity once it has been set. For the table ignore_changes says so, but it cannot reach into an
# index: there the plan repeats what it finds. The listing comes first because a table that is not there yet cannot be read.
data "aws_dynamodb_tables" "all" {
  count = length(local.limits) > 0 ? 1 : 0
}

data "aws_dynamodb_table" "found" {
  count = length(local.limits) > 0 ? (try(contains(data.aws_dynamodb_tables.all[0].names, var.name), false) ? 1 : 0) : 0

  name = var.name
}

locals {
  found = {
    for index in flatten(data.aws_dynamodb_table.found[*].global_secondary_index) : index.name => {
      read  = index.read_capacity
      write = index.write_capacity
    }
  }
  # 0 is an index that was on demand until now.
  capacity = {
    for name, limits in local.limits : name => {
      read  = try(local.found[name].read, 0) > 0 ? local.found[name].read : limits.read.min
      write = try(local.found[name].write, 0) > 0 ? local.found[name].write : limits.write.min
    }
  }
}

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_28: on unless the caller switches it off, which is not seen through optional(); a plan test holds it.
  name                        = var.name
  hash_key                    = var.hash_key.name
  range_key                   = try(var.range_key.name, null)
  billing_mode                = local.provisioned ? "PROVISIONED" : "PAY_PER_REQUEST"
  read_capacity               = try(var.billing.provisioned.read.min, null)
  write_capacity              = try(var.billing.provisioned.write.min, null)
  table_class                 = var.table_class
  deletion_protection_enabled = var.deletion_protection
  stream_enabled              = var.stream_view_type != null
  stream_view_type            = var.stream_view_type
  tags                        = var.tags

  dynamic "attribute" {
    for_each = local.attributes
    content {
      name = attribute.value.name
      type = attribute.value.type
    }
  }

  ttl {
    attribute_name = var.ttl.attribute_name
    enabled        = var.ttl.enabled
  }

  dynamic "on_demand_throughput" {
    for_each = [for limits in [var.billing.on_demand] : limits if limits.max_read_units != null || limits.max_write_units != null]
    content {
      max_read_request_units  = on_demand_throughput.value.max_read_units
      max_write_request_units = on_demand_throughput.value.max_write_units
    }
  }

  dynamic "global_secondary_index" {
    for_each = var.indexes
    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.hash_key.name
      range_key          = try(global_secondary_index.value.range_key.name, null)
      projection_type    = global_secondary_index.value.projection
      non_key_attributes = global_secondary_index.value.projection == "INCLUDE" ? global_secondary_index.value.non_key_attributes : null
      read_capacity      = try(local.capacity[global_secondary_index.key].read, null)
      write_capacity     = try(local.capacity[global_secondary_index.key].write, null)

      dynamic "on_demand_throughput" {
        for_each = [
          for limits in [global_secondary_index.value.on_demand] : limits
          if limits.max_read_units != null || limits.max_write_units != null
        ]
        content {
          max_read_request_units  = on_demand_throughput.value.max_read_units
          max_write_request_units = on_demand_throughput.value.max_write_units
        }
      }
    }
  }

  dynamic "local_secondary_index" {
    for_each = var.local_indexes
    content {
      name               = local_secondary_index.key
      range_key          = local_secondary_index.value.range_key.name
      projection_type    = local_secondary_index.value.projection
      non_key_attributes = local_secondary_index.value.projection == "INCLUDE" ? local_secondary_index.value.non_key_attributes : null
    }
  }

  point_in_time_recovery {
    enabled                 = var.point_in_time_recovery.enabled
    recovery_period_in_days = var.point_in_time_recovery.enabled ? var.point_in_time_recovery.recovery_days : null
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  lifecycle {
    ignore_changes = [read_capacity, write_capacity]
  }
}
