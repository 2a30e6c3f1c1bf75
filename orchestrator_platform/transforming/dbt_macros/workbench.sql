{#- How dbt builds in the workbench. A published table is there as a view, and once more as _base."schema.name".
    An incremental model or a snapshot with such a base is not rewritten: the base rows that the new rows can touch
    are copied to _part, their keys to _gone, dbt's own strategy runs on the copy, and the model becomes a view:
    base without what is gone, plus the part. For any other target, and without a base, dbt's own macros answer. -#}

{% macro workbench_base() %}
  {%- if target.name != 'workbench' -%}{{ return(none) }}{%- endif -%}
  {%- set served = adapter.get_relation(this.database, this.schema, this.identifier) -%}
  {%- if served is none or not served.is_view -%}{{ return(none) }}{%- endif -%}
  {{ return(adapter.get_relation(this.database, '_base', this.schema ~ '.' ~ this.identifier)) }}
{% endmacro %}

{% macro workbench_relation(schema) %}
  {{ return(this.incorporate(path={'schema': schema, 'identifier': this.schema ~ '.' ~ this.identifier}, type='table')) }}
{% endmacro %}

{% macro is_incremental() %}
  {%- if not execute -%}{{ return(false) }}{%- endif -%}
  {%- if workbench_base() is none -%}{{ return(dbt.is_incremental()) }}{%- endif -%}
  {{ return(model.config.materialized == 'incremental' and not should_full_refresh()) }}
{% endmacro %}

{% macro duckdb__snapshot_get_time() %}
  {%- set at = var('orchestrator_run_time', none) -%}
  {%- if at -%}'{{ at }}'::timestamp{%- else -%}{{ current_timestamp() }}::timestamp{%- endif -%}
{% endmacro %}

{#- COPY is not among the statements the workbench allows, so a seed's rows are inserted. -#}
{% macro duckdb__load_csv_rows(model, agate_table) %}
  {%- if target.name != 'workbench' -%}{{ return(dbt.duckdb__load_csv_rows(model, agate_table)) }}{%- endif -%}
  {{ return(dbt.default__load_csv_rows(model, adapter.convert_datetimes_to_strs(agate_table))) }}
{% endmacro %}

{% macro workbench_keys(names, base) %}
  {%- set known = {} -%}
  {%- for column in adapter.get_columns_in_relation(base) %}{% do known.update({column.name | lower: column.name}) %}{% endfor -%}
  {%- set keys = [] -%}
  {%- for name in names -%}
    {%- set plain = name | trim | replace('"', '') -%}
    {%- if plain | lower not in known -%}
      {%- do exceptions.raise_compiler_error("unique_key `" ~ name ~ "` of " ~ model.unique_id ~ " is no column of the served version. Name columns, not expressions; if the column is new, build with a full refresh.") -%}
    {%- endif -%}
    {%- do keys.append(adapter.quote(known[plain | lower])) -%}
  {%- endfor -%}
  {{ return(keys) }}
{% endmacro %}

{% macro workbench_matches(keys) %}
  {%- set pairs = [] -%}
  {%- for key in keys %}{% do pairs.append('b.' ~ key ~ ' = g.' ~ key) %}{% endfor -%}
  {{ return(pairs | join(' and ')) }}
{% endmacro %}

{#- `touched` selects, from the base as `b`, the rows that the new rows can touch; without keys there are none. -#}
{% macro workbench_copy(part, gone, base, keys, touched) %}
  {%- do run_query('create table if not exists ' ~ part ~ ' as from ' ~ base ~ ' limit 0') -%}
  {%- if keys -%}
    {%- set list = keys | join(', ') -%}
    {%- do run_query('create table if not exists ' ~ gone ~ ' as select ' ~ list ~ ' from ' ~ base ~ ' limit 0') -%}
    {#- ordered by key, because MERGE is slow on rows in any order -#}
    {%- do run_query('insert into ' ~ part ~ ' by name ' ~ touched ~ ' order by ' ~ list) -%}
    {%- do run_query('insert into ' ~ gone ~ ' select distinct ' ~ list ~ ' from (' ~ touched ~ ')') -%}
  {%- endif -%}
{% endmacro %}

{% macro workbench_show(part, gone, base, keys) %}
  {%- set had = adapter.get_columns_in_relation(base) | map(attribute='name') | map('lower') | list -%}
  {%- set columns = [] -%}
  {%- for c in adapter.get_columns_in_relation(part) -%}
    {%- set name = adapter.quote(c.name) -%}
    {%- do columns.append(('b.' ~ name if c.name | lower in had else 'null') ~ '::' ~ c.data_type ~ ' as ' ~ name) -%}
  {%- endfor -%}
  {% call statement('main') %}
    create or replace view {{ this }} as
    select {{ columns | join(', ') }} from {{ base }} b
    {% if keys %}anti join {{ gone }} g on {{ workbench_matches(keys) }}{% endif %}
    union all from {{ part }}
  {% endcall %}
{% endmacro %}

{#- The lake has no 128-bit integers: what sum() makes of integers becomes BIGINT, or an error where it does not fit. -#}
{% macro workbench_narrow(relation) %}
  {%- for c in adapter.get_columns_in_relation(relation) if c.data_type | upper == 'HUGEINT' -%}
    {%- do run_query('alter table ' ~ relation ~ ' alter column ' ~ adapter.quote(c.name) ~ ' type bigint') -%}
  {%- endfor -%}
{% endmacro %}

{% materialization incremental, adapter='duckdb', supported_languages=['sql'] %}
  {%- set base = workbench_base() -%}
  {%- if base is none or should_full_refresh() -%}{{ return(dbt.materialization_incremental_duckdb()) }}{%- endif -%}
  {%- set part, gone = workbench_relation('_part'), workbench_relation('_gone') -%}
  {%- set strategy = config.get('incremental_strategy') or 'delete+insert' -%}
  {%- set batch = model.batch if strategy == 'microbatch' else none -%}
  {%- if strategy == 'append' -%}{%- set named = [] -%}
  {%- elif batch -%}{%- set named = [config.get('event_time')] -%}
  {%- else -%}{%- set named = config.get('unique_key') or config.get('merge_on_using_columns') or [] -%}{%- endif -%}
  {%- set keys = workbench_keys([named] if named is string else named, base) -%}

  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- set new = make_temp_relation(this) -%}
  {%- set ordered = 'select * from (' ~ compiled_code ~ '\n) order by ' ~ keys | join(', ') if keys and not batch else compiled_code -%}
  {%- do run_query(create_table_as(True, new, ordered, 'sql')) -%}
  {%- do workbench_narrow(new) -%}
  {%- if batch -%}
    {%- set touched = 'select b.* from ' ~ base ~ ' b where b.' ~ keys[0] ~ " >= '" ~ batch.event_time_start ~ "' and b." ~ keys[0] ~ " < '" ~ batch.event_time_end ~ "'" -%}
  {%- else -%}
    {%- set touched = 'select b.* from ' ~ base ~ ' b semi join ' ~ new ~ ' g on ' ~ workbench_matches(keys) -%}
  {%- endif -%}
  {%- do workbench_copy(part, gone, base, keys, touched) -%}
  {%- set on_change = incremental_validate_on_schema_change(config.get('on_schema_change'), default='ignore') -%}
  {%- set columns = process_schema_changes(on_change, new, part) or adapter.get_columns_in_relation(part) -%}
  {%- set strategy_sql = adapter.get_incremental_strategy_macro(context, strategy) -%}
  {% call statement('part') %}
    {{ strategy_sql({'target_relation': part, 'temp_relation': new, 'unique_key': config.get('unique_key'), 'dest_columns': columns,
                     'incremental_predicates': config.get('predicates') or config.get('incremental_predicates')}) }}
  {% endcall %}
  {%- do workbench_show(part, gone, base, keys) -%}
  {%- do run_query('drop table ' ~ new) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do adapter.commit() -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}

{% materialization snapshot, adapter='duckdb' %}
  {%- set base = workbench_base() -%}
  {%- if base is none -%}{{ return(dbt.materialization_snapshot_default()) }}{%- endif -%}
  {%- set part, gone = workbench_relation('_part'), workbench_relation('_gone') -%}
  {%- set names = config.get('snapshot_table_column_names') or get_snapshot_table_column_names() -%}
  {{ run_hooks(pre_hooks, inside_transaction=False) }}
  {{ run_hooks(pre_hooks, inside_transaction=True) }}
  {%- set strategy = strategy_dispatch(config.get('strategy'))(model, 'snapshotted_data', 'source_data', model['config'], true) -%}
  {%- do adapter.assert_valid_snapshot_target_given_strategy(base, names, strategy) -%}
  {%- set new = make_temp_relation(this) -%}
  {%- do run_query(create_table_as(True, new, snapshot_staging_table(strategy, sql, base), 'sql')) -%}
  {%- do workbench_narrow(new) -%}
  {%- set keys = [adapter.quote(names.dbt_scd_id)] -%}
  {%- do workbench_copy(part, gone, base, keys, 'select b.* from ' ~ base ~ ' b semi join (from ' ~ new ~ " where dbt_change_type in ('update', 'delete')) g on " ~ workbench_matches(keys)) -%}
  {%- set own = ['dbt_change_type', 'dbt_unique_key'] -%}
  {%- if strategy.unique_key is not string -%}
    {%- for key in strategy.unique_key %}{% do own.append('dbt_unique_key_' ~ loop.index) %}{% endfor -%}
  {%- endif -%}
  {%- do create_columns(part, adapter.get_missing_columns(new, part) | rejectattr('name', 'in', own) | list) -%}
  {%- set columns = [] -%}
  {%- for c in adapter.get_columns_in_relation(new) if c.name not in own %}{% do columns.append(adapter.quote(c.name)) %}{% endfor -%}
  {% call statement('part') %}{{ snapshot_merge_sql(target=part, source=new, insert_cols=columns) }}{% endcall %}
  {%- do workbench_show(part, gone, base, keys) -%}
  {%- do run_query('drop table ' ~ new) -%}
  {{ run_hooks(post_hooks, inside_transaction=True) }}
  {%- do adapter.commit() -%}
  {{ run_hooks(post_hooks, inside_transaction=False) }}
  {{ return({'relations': [this.incorporate(type='view')]}) }}
{% endmaterialization %}
