provider "aws" {
  region = var.region

  skip_credentials_validation = var.local_cloud
  skip_metadata_api_check     = var.local_cloud
  s3_use_path_style           = var.local_cloud

  default_tags {
    tags = { application = "mocs", environment = var.environment }
  }
}

data "aws_partition" "current" {}

resource "aws_sns_topic" "alarms" {
  #checkov:skip=CKV_AWS_26: alarms carry no data of records; a key of AWS's own would keep CloudWatch from publishing
  name = "moc-purge-alarms-${var.environment}"
}

module "moc_purge" {
  source = "../../modules/soft-delete-purge"

  name     = "moc-purge-${var.environment}"
  database = var.database

  root           = { table = "moc_instructions", hold = "legal_hold" }
  retention_days = var.retention_days

  release = {
    # A list goes with its MOC; the bricks on it go back to their owner's stock.
    bricks = {
      table = "moc_parts"
      path = [
        { column = "parts_list_id", references = "moc_parts_lists.id" },
        { column = "moc_id", references = "root" },
      ]
      set = { parts_list_id = null, status = "available" }
    }
    # This reference has no action: a MOC that an upload names could not be deleted.
    uploads = {
      table = "upload_sessions"
      path  = [{ column = "moc_instruction_id", references = "root" }]
      set   = { moc_instruction_id = null }
    }
  }

  shared = {
    images = {
      table = "gallery_images"
      link  = { table = "moc_gallery_images", root_column = "moc_id", shared_column = "gallery_image_id" }
      also_referenced_by = [
        { table = "gallery_flags", column = "image_id" },
        { own_column_not_null = "album_id" },
      ]
    }
  }

  bucket = { name = var.bucket, arn = "arn:${data.aws_partition.current.partition}:s3:::${var.bucket}" }
  objects = {
    files = {
      table      = "moc_files"
      path       = [{ column = "moc_id", references = "root" }]
      column     = "s3_key"
      key_prefix = "mocs/"
    }
    thumbnails       = { of = "root", column = "thumbnail_url", url_prefix = var.cdn_url, key_prefix = "mocs/" }
    banners          = { of = "root", column = "banner_url", url_prefix = var.cdn_url, key_prefix = "mocs/" }
    images           = { of = "shared:images", column = "image_url", url_prefix = var.cdn_url, key_prefix = "gallery/" }
    image_thumbnails = { of = "shared:images", column = "thumbnail_url", url_prefix = var.cdn_url, key_prefix = "gallery/" }
  }

  dry_run = var.dry_run
  limits  = { max_records_per_run = var.max_records_per_run }

  function = {
    vpc = var.network == null ? null : {
      subnet_ids         = var.network.subnet_ids
      security_group_ids = [aws_security_group.function[0].id]
      aws_by             = "endpoints"
    }
  }

  alarms = { topic_arns = [aws_sns_topic.alarms.arn] }
}
