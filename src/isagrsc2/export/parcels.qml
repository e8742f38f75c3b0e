<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>
<qgis version="3.22" styleCategories="Symbology|Labeling" labelsEnabled="1">
  <renderer-v2 type="categorizedSymbol" attr="class_name" forceraster="0" symbollevels="0" enableorderby="0">
    <categories>
      {% for name, words, colour in classes %}
      <category symbol="{{ loop.index0 }}" value="{{ name }}" type="string" label="{{ words }}" render="true"/>
      {% endfor %}
    </categories>
    <symbols>
      {% for name, words, colour in classes %}
      <symbol type="fill" name="{{ loop.index0 }}" alpha="1" clip_to_extent="1" force_rhr="0">
        <layer class="SimpleFill" enabled="1" pass="0" locked="0">
          <Option type="Map">
            <Option type="QString" name="color" value="{{ colour | join(',') }},{{ alpha }}"/>
            <Option type="QString" name="style" value="solid"/>
            <Option type="QString" name="outline_color" value="{{ outline | join(',') }},255"/>
            <Option type="QString" name="outline_style" value="solid"/>
            <Option type="QString" name="outline_width" value="0.3"/>
            <Option type="QString" name="outline_width_unit" value="MM"/>
            <Option type="QString" name="joinstyle" value="round"/>
          </Option>
          <prop k="color" v="{{ colour | join(',') }},{{ alpha }}"/>
          <prop k="style" v="solid"/>
          <prop k="outline_color" v="{{ outline | join(',') }},255"/>
          <prop k="outline_style" v="solid"/>
          <prop k="outline_width" v="0.3"/>
          <prop k="outline_width_unit" v="MM"/>
          <prop k="joinstyle" v="round"/>
        </layer>
      </symbol>
      {% endfor %}
    </symbols>
  </renderer-v2>
  <labeling type="simple">
    <settings calloutType="simple">
      <text-style fieldName="{{ label }}" isExpression="1" fontFamily="Sans Serif" fontSize="8" fontSizeUnit="Point" fontWeight="75" textColor="20,26,22,255" textOpacity="1">
        <text-buffer bufferDraw="1" bufferSize="0.7" bufferSizeUnits="MM" bufferColor="255,255,248,255" bufferOpacity="0.8"/>
      </text-style>
      <placement placement="4" fitInPolygonOnly="1"/>
      <rendering scaleVisibility="1" scaleMin="0" scaleMax="{{ labels_from }}" obstacle="0"/>
    </settings>
  </labeling>
  <layerGeometryType>2</layerGeometryType>
</qgis>
